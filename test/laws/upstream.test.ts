/** Whatever fails one of the whole-register comparisons that Cloud Hypervisor makes between two hosts fails here. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generate } from '../../profiles/make/generate.ts';
import { and32, minus32, U32_MAX } from '../../profiles/model/numbers.ts';
import type { Profile } from '../../profiles/model/profile.ts';
import type { Register } from '../../profiles/model/registers.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import { applyProfile } from '../../profiles/verdict/apply.ts';
import { adjustmentAt } from '../../profiles/verdict/bits.ts';
import { check } from '../../profiles/verdict/check.ts';
import { writtenLater } from '../../profiles/verdict/exceptions.ts';
import { BASE_HOSTS, quickPair } from '../domain/quick-host.ts';
import { lawRuns } from '../law-runs.ts';

type Place = readonly [leaf: number, subleaf: number, register: Register];
type Kind = 'subset' | 'not greater' | 'equal';

// arch/src/x86_64/mod.rs of Cloud Hypervisor, August 2026: all 23.
const CHECKS: readonly (readonly [Kind, ...Place])[] = [
  ['subset', 0x1, 0, 'ecx'],
  ['subset', 0x1, 0, 'edx'],
  ['not greater', 0x7, 0, 'eax'],
  ['subset', 0x7, 0, 'ebx'],
  ['subset', 0x7, 0, 'ecx'],
  ['subset', 0x7, 0, 'edx'],
  ['subset', 0x7, 1, 'eax'],
  ['subset', 0x7, 1, 'ecx'],
  ['subset', 0x7, 1, 'edx'],
  ['subset', 0x7, 2, 'edx'],
  ['not greater', 0x1d, 0, 'eax'],
  ['not greater', 0x1e, 0, 'eax'],
  ['subset', 0x1e, 1, 'eax'],
  ['subset', 0x8000_0001, 0, 'ecx'],
  ['subset', 0x8000_0001, 0, 'edx'],
  ['not greater', 0x4000_0000, 0, 'eax'],
  ['equal', 0x4000_0000, 0, 'ebx'],
  ['equal', 0x4000_0000, 0, 'ecx'],
  ['equal', 0x4000_0000, 0, 'edx'],
  ['subset', 0x4000_0001, 0, 'eax'],
  ['subset', 0x4000_0001, 0, 'ebx'],
  ['subset', 0x4000_0001, 0, 'ecx'],
  ['subset', 0x4000_0001, 0, 'edx'],
];

const word = ({ cpuid }: Pick<Snapshot, 'cpuid'>, [leaf, subleaf, register]: Place): number =>
  cpuid.find((entry) => entry.leaf === leaf && entry.subleaf === subleaf)?.[register] ?? 0;

/** The bits that the profile fixes at a place and nobody writes later: what shines through is compared by nobody. */
function fixedBits({ vendor, data }: Profile, [leaf, subleaf, register]: Place): number {
  const adjustment = adjustmentAt(data, leaf, subleaf, register);
  if (adjustment === undefined) return 0;
  return minus32(minus32(U32_MAX, adjustment.mask), writtenLater(vendor, leaf, subleaf, register));
}

function fails(kind: Kind, source: number, destination: number): boolean {
  switch (kind) {
    case 'subset':
      return minus32(source, destination) !== 0;
    case 'not greater':
      return source > destination;
    case 'equal':
      return source !== destination;
  }
}

function profileOf(host: Snapshot, amx: boolean): Profile {
  const offered = host.vendor === 'intel' && (word(host, [0x7, 0, 'edx']) >>> 24) % 2 === 1;
  const { vendor, data } = generate('source', host, { amx: amx && offered });
  return { vendor, data, filter: 'none' };
}

/** The check that fails between the profile applied on its source and the raw answer of the other host. */
const failing = (profile: Profile, source: Snapshot, other: Snapshot): string | undefined => {
  const applied = applyProfile(profile, source);
  const found = CHECKS.find(([kind, ...place]) => {
    const fixed = fixedBits(profile, place);
    return fails(kind, and32(word(applied, place), fixed), and32(word(other, place), fixed));
  });
  return found?.join(' ');
};

test('a pair that fails one of the 23 checks on bits that the profile fixes is No', () => {
  let failed = 0;
  fc.assert(
    fc.property(
      quickPair,
      fc.option(fc.constantFrom(...BASE_HOSTS)),
      fc.boolean(),
      ([source, changed], another, amx) => {
        const other = another?.vendor === source.vendor ? another : changed;
        const profile = profileOf(source, amx);
        const reason = failing(profile, source, other);
        if (reason === undefined) return;
        failed += 1;
        expect([reason, check(profile, other).compatible]).toEqual([reason, 'No']);
      },
    ),
    { numRuns: lawRuns(150) },
  );
  // The law is about pairs that fail.
  expect(failed).toBeGreaterThan(20);
}, 600_000);

test('between hosts that differ in one of those registers the checks alone decide', () => {
  let failed = 0;
  fc.assert(
    fc.property(
      quickPair,
      fc.constantFrom(...CHECKS),
      fc.nat(0xffff_ffff),
      fc.boolean(),
      ([source], [kind, ...place], bits, amx) => {
        const [leaf, subleaf, register] = place;
        const profile = profileOf(source, amx);
        const other: Snapshot = {
          ...source,
          cpuid: source.cpuid.map((entry) =>
            entry.leaf === leaf && entry.subleaf === subleaf
              ? { ...entry, [register]: and32(entry[register], bits) }
              : entry,
          ),
        };
        const fixed = fixedBits(profile, place);
        const promised = and32(word(applyProfile(profile, source), place), fixed);
        const bad = fails(kind, promised, and32(word(other, place), fixed));
        failed += Number(bad);
        expect(check(profile, other).compatible).toBe(bad ? 'No' : 'Yes');
      },
    ),
    { numRuns: lawRuns(150) },
  );
  expect(failed).toBeGreaterThan(15);
}, 600_000);
