/** Laws of generation, application and verdict, over many hosts: LAW_RUNS says over how many. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import { findCpuid, findFeatureMsr } from '../../profiles/definitions/lookup.ts';
import { rowMasks } from '../../profiles/definitions/row-masks.ts';
import { generate } from '../../profiles/make/generate.ts';
import { and32, mask64, minus32, or32 } from '../../profiles/model/numbers.ts';
import type { Profile, ProfileOptions } from '../../profiles/model/profile.ts';
import { REGISTERS, type Register } from '../../profiles/model/registers.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import { applyProfile } from '../../profiles/verdict/apply.ts';
import { check } from '../../profiles/verdict/check.ts';
import { SET_REFUSED_MSRS, writtenLater } from '../../profiles/verdict/exceptions.ts';
import { anyProfile } from '../arbitrary-profile.ts';
import { changed, changes, quickHost, quickPair } from '../domain/quick-host.ts';
import { lawRuns } from '../law-runs.ts';

const RUNS = { numRuns: lawRuns(100) };
// Ten thousand cases take longer than a test usually may.
const TIMEOUT = 600_000;

function profileOf(host: Snapshot, options: ProfileOptions = {}): Profile {
  const { vendor, data } = generate('law', host, options);
  return { vendor, data, filter: 'closed' };
}

/** Can a profile with `option` be made of this host? */
const has = {
  nested: ({ vendor, capabilities, cpuid }: Snapshot): boolean =>
    capabilities.nested &&
    (vendor === 'intel' || cpuid.some(({ leaf, ecx }) => leaf === 0x8000_0001 && ((ecx >>> 2) & 1) === 1)),
  amx: ({ vendor, cpuid }: Snapshot): boolean =>
    vendor === 'intel' &&
    cpuid.some(({ leaf, subleaf, edx }) => leaf === 7 && subleaf === 0 && ((edx >>> 24) & 1) === 1),
};

/** The bits of a register that a host may gain. */
function subsetBits(vendor: Snapshot['vendor'], leaf: number, subleaf: number, register: Register): number {
  const row = findCpuid(definitionsFor(vendor), leaf, subleaf, register);
  return minus32(rowMasks(row).subset, writtenLater(vendor, leaf, subleaf, register));
}

function richer(host: Snapshot, extra: number): Snapshot {
  const wide = BigInt(extra) * 0x1_0000_0001n;
  return {
    ...host,
    cpuid: host.cpuid.map((entry) => {
      const gain = (register: Register): number =>
        or32(entry[register], and32(extra, subsetBits(host.vendor, entry.leaf, entry.subleaf, register)));
      return { ...entry, eax: gain('eax'), ebx: gain('ebx'), ecx: gain('ecx'), edx: gain('edx') };
    }),
    featureMsrs: host.featureMsrs?.map(({ index, value }) => {
      const fields = findFeatureMsr(definitionsFor(host.vendor), index)?.fields ?? [];
      const subset = fields.filter(({ relation }) => relation === 'subset');
      return {
        index,
        value: subset.reduce((word, { first, last }) => word | (wide & mask64(first, last)), value),
      };
    }),
  };
}

describe('generate', () => {
  test(
    'a profile generated from a host is Yes on it, with nothing to say',
    () => {
      fc.assert(
        fc.property(quickHost, fc.boolean(), fc.boolean(), (host, nested, amx) => {
          const options = { nested: nested && has.nested(host), amx: amx && has.amx(host) };
          expect(check(profileOf(host, options), host)).toEqual({ compatible: 'Yes', findings: [] });
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );
});

describe('apply', () => {
  test(
    'new = (host & mask) | value, 0 for a register that is not listed, and only adjusted MSRs of the host',
    () => {
      fc.assert(
        fc.property(anyProfile, quickHost, (profile, host) => {
          const { cpuid, featureMsrs } = applyProfile(profile, host);
          expect(cpuid).toHaveLength(host.cpuid.length);
          cpuid.forEach((applied, i) => {
            const before = host.cpuid[i];
            for (const register of REGISTERS) {
              const entry = profile.data.cpuid.find(
                (each) =>
                  each.leaf === before?.leaf &&
                  each.register === register &&
                  each.subleaf <= before.subleaf &&
                  before.subleaf <= each.lastSubleaf,
              );
              const wanted =
                entry === undefined ? 0 : (((before?.[register] ?? 0) & entry.mask) | entry.value) >>> 0;
              expect(applied[register]).toBe(wanted);
            }
          });
          const adjusted = profile.data.featureMsrs.flatMap(({ index, mask, value }) => {
            const offered = host.featureMsrs?.find((msr) => msr.index === index)?.value;
            return offered === undefined || SET_REFUSED_MSRS.includes(index)
              ? []
              : [{ index, value: (offered & mask) | value }];
          });
          expect(featureMsrs).toEqual(adjusted);
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );

  test(
    'a guest sees the same on every host that is Yes, but for what shines through',
    () => {
      fc.assert(
        fc.property(quickPair, ([source, other]) => {
          const profile = profileOf(source);
          if (check(profile, other).compatible !== 'Yes') return;
          const fixed = (host: Snapshot): Map<string, number> => {
            const seen = new Map<string, number>();
            for (const applied of applyProfile(profile, host).cpuid) {
              for (const { leaf, subleaf, lastSubleaf, register, mask } of profile.data.cpuid) {
                if (leaf !== applied.leaf || applied.subleaf < subleaf || applied.subleaf > lastSubleaf)
                  continue;
                const word = minus32(applied[register], mask);
                // A leaf that is absent reads as 0, and what is written later is nobody's promise.
                const later = writtenLater(profile.vendor, leaf, applied.subleaf, register);
                if (minus32(word, later) !== 0)
                  seen.set(`${leaf}.${applied.subleaf}.${register}`, minus32(word, later));
              }
            }
            return seen;
          };
          expect(fixed(other)).toEqual(fixed(source));
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );
});

describe('check', () => {
  test(
    'a Yes stays a Yes when the host only gains subset bits',
    () => {
      fc.assert(
        fc.property(quickPair, fc.nat(0xffff_ffff), ([source, other], extra) => {
          const profile = profileOf(source);
          if (check(profile, other).compatible !== 'Yes') return;
          expect(check(profile, richer(other, extra)).compatible).toBe('Yes');
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );

  test(
    'No has an error, Unknown an open question and no error, Yes notes at most',
    () => {
      fc.assert(
        fc.property(
          fc.oneof(
            quickHost.map((host) => profileOf(host)),
            anyProfile,
          ),
          quickHost,
          fc.constantFrom('kvm' as const, 'guest' as const, 'raw' as const),
          fc.boolean(),
          (profile, host, source, partial) => {
            const { compatible, findings } = check(profile, { ...host, source, partial });
            const severities = new Set(findings.map(({ severity }) => severity));
            expect(severities.has('error')).toBe(compatible === 'No');
            if (compatible === 'Yes') expect([...severities].filter((each) => each !== 'note')).toEqual([]);
            if (compatible === 'Unknown') {
              expect(findings.some(({ code }) => code === 'NotObserved')).toBe(true);
            }
          },
        ),
        RUNS,
      );
    },
    TIMEOUT,
  );

  const views: readonly ((host: Snapshot) => Snapshot)[] = [
    (host) => ({ ...host, featureMsrs: undefined }),
    (host) => ({ ...host, partial: true }),
    (host) => ({ ...host, source: 'raw' }),
    (host) => ({ ...host, source: 'guest' }),
    (host) => ({ ...host, partial: true, cpuid: [], featureMsrs: undefined, msrIndices: undefined }),
  ];

  test(
    'what was not observed is never Yes, and takes no Yes to No',
    () => {
      fc.assert(
        fc.property(quickPair, fc.constantFrom(...views), ([source, other], view) => {
          const profile = profileOf(source);
          // Where no feature MSR is adjusted, nobody asks for the list of them.
          if (profile.data.featureMsrs.length === 0) return;
          const whole = check(profile, other).compatible;
          const part = check(profile, view(other)).compatible;
          expect(part).not.toBe('Yes');
          if (whole === 'Yes') expect(part).toBe('Unknown');
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );

  test(
    'a host that loses one promised bit is No, and the finding names exactly that bit',
    () => {
      fc.assert(
        fc.property(quickHost, fc.nat(), (host, pick) => {
          const profile = profileOf(host);
          const promised = profile.data.cpuid.flatMap(({ leaf, subleaf, lastSubleaf, register, value }) => {
            const bits =
              subleaf === lastSubleaf ? and32(value, subsetBits(host.vendor, leaf, subleaf, register)) : 0;
            return bits === 0 ? [] : [{ leaf, subleaf, register, bits }];
          });
          const lost = promised[pick % Math.max(promised.length, 1)];
          if (lost === undefined) return;
          const { leaf, subleaf, register, bits } = lost;
          // The lowest one.
          const one = (bits & -bits) >>> 0;
          const poorer: Snapshot = {
            ...host,
            cpuid: host.cpuid.map((entry) =>
              entry.leaf === leaf && entry.subleaf === subleaf
                ? { ...entry, [register]: minus32(entry[register], one) }
                : entry,
            ),
          };
          const where = { leaf: `0x${leaf.toString(16)}`, subleaf: `0x${subleaf.toString(16)}`, register };
          expect(check(profile, poorer)).toMatchObject({
            compatible: 'No',
            findings: [{ code: 'CpuidBitsMissing', severity: 'error', where, bits: [31 - Math.clz32(one)] }],
          });
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );

  test(
    'a host without a capability that the profile needs is No',
    () => {
      fc.assert(
        fc.property(quickHost, changes(['capability'], 3), fc.boolean(), (host, list, nested) => {
          const profile = profileOf(host, { nested: nested && has.nested(host) });
          const other = changed(host, list);
          const missing =
            !other.capabilities.msrFilter || (nested && has.nested(host) && !other.capabilities.nested);
          expect(check(profile, other).compatible).toBe(missing ? 'No' : 'Yes');
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );
});
