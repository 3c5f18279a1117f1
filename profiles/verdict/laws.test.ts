import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyHost, anyPair } from '../../test/domain/arbitrary-host.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { findCpuid, findFeatureMsr } from '../definitions/lookup.ts';
import { generate } from '../make/generate.ts';
import { and32, mask32, mask64, minus32, or32, U32_MAX } from '../model/numbers.ts';
import type { Profile } from '../model/profile.ts';
import { REGISTERS, type Register } from '../model/registers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { check } from './check.ts';
import { writtenLater } from './exceptions.ts';

const RUNS = { numRuns: 60 };
const options = fc.record({ nested: fc.boolean(), hyperv: fc.constant(false) });

const profileOf = (host: Snapshot, asked = {}): Profile => {
  const { vendor, data } = generate('law', host, asked);
  return { vendor, data, filter: 'closed' };
};

/** The bits of a register whose fields are subset, and which nobody writes later. */
function subsetBits({ vendor }: Snapshot, leaf: number, subleaf: number, register: Register): number {
  const fields = findCpuid(definitionsFor(vendor), leaf, subleaf, register)?.fields ?? [];
  const bits = fields
    .filter(({ relation }) => relation === 'subset')
    .reduce((mask, { first, last }) => or32(mask, mask32(first, last)), 0);
  return minus32(bits, writtenLater(vendor, leaf, subleaf, register));
}

describe('laws of the verdict', () => {
  test('a profile generated from a host is Yes on it', () => {
    fc.assert(
      fc.property(anyHost, options, (host, asked) => {
        const nested = host.vendor === 'intel' && asked.nested;
        const verdict = check(profileOf(host, { nested }), host);
        expect(verdict.findings).toEqual([]);
        expect(verdict.compatible).toBe('Yes');
      }),
      RUNS,
    );
  });

  test('what was not observed is never Yes, and of itself never No', () => {
    const views: ((host: Snapshot) => Snapshot)[] = [
      (host) => ({ ...host, featureMsrs: undefined }),
      (host) => ({ ...host, partial: true }),
      (host) => ({ ...host, source: 'raw' }),
      (host) => ({ ...host, source: 'guest' }),
      (host) => ({ ...host, partial: true, cpuid: [], featureMsrs: undefined, msrIndices: undefined }),
    ];
    fc.assert(
      fc.property(anyHost, fc.constantFrom(...views), (host, view) => {
        const verdict = check(profileOf(host), view(host));
        expect(verdict.compatible).toBe('Unknown');
        expect(verdict.findings.some(({ code }) => code === 'NotObserved')).toBe(true);
      }),
      RUNS,
    );
  });

  test('a host that only gains subset bits stays Yes', () => {
    fc.assert(
      fc.property(anyHost, fc.integer({ min: 0, max: U32_MAX }), (host, extra) => {
        const definitions = definitionsFor(host.vendor);
        const richer: Snapshot = {
          ...host,
          cpuid: host.cpuid.map((entry) => {
            const gained = REGISTERS.map((register) => {
              const bits = and32(extra, subsetBits(host, entry.leaf, entry.subleaf, register));
              return [register, or32(entry[register], bits)] as const;
            });
            return { ...entry, ...Object.fromEntries(gained) };
          }),
          featureMsrs: host.featureMsrs?.map(({ index, value }) => ({
            index,
            value: (findFeatureMsr(definitions, index)?.fields ?? [])
              .filter(({ relation }) => relation === 'subset')
              .reduce(
                (word, { first, last }) => word | (mask64(first, last) & (BigInt(extra) * 0x1_0000_0001n)),
                value,
              ),
          })),
        };
        expect(check(profileOf(host), richer).compatible).toBe('Yes');
      }),
      RUNS,
    );
  });

  test('a host that loses one bit is No, and the finding names exactly that bit', () => {
    fc.assert(
      fc.property(anyHost, fc.nat(), (host, pick) => {
        const profile = profileOf(host);
        const promised = profile.data.cpuid.flatMap((entry) =>
          entry.subleaf === entry.lastSubleaf
            ? Array.from({ length: 32 }, (_, bit) => ({ ...entry, bit })).filter(
                ({ leaf, subleaf, register, value, bit }) =>
                  (and32(value, subsetBits(host, leaf, subleaf, register)) >>> bit) % 2 === 1,
              )
            : [],
        );
        const lost = promised[pick % promised.length];
        if (lost === undefined) return;
        const { leaf, subleaf, register, bit } = lost;
        const poorer = {
          ...host,
          cpuid: host.cpuid.map((entry) =>
            entry.leaf === leaf && entry.subleaf === subleaf
              ? { ...entry, [register]: minus32(entry[register], 2 ** bit) }
              : entry,
          ),
        };
        const verdict = check(profile, poorer);
        expect(verdict.compatible).toBe('No');
        const place = { leaf: `0x${leaf.toString(16)}`, subleaf: `0x${subleaf.toString(16)}`, register };
        expect(verdict.findings).toEqual([
          expect.objectContaining({ code: 'CpuidBitsMissing', severity: 'error', where: place, bits: [bit] }),
        ]);
      }),
      RUNS,
    );
  });

  test('the answer and the findings agree: No has an error, Unknown an open question, Yes notes at most', () => {
    fc.assert(
      fc.property(anyPair, fc.boolean(), ([made, host], partial) => {
        const { compatible, findings } = check(profileOf(made), { ...host, partial });
        const severities = new Set(findings.map(({ severity }) => severity));
        if (compatible === 'No') expect(severities).toContain('error');
        else expect(severities).not.toContain('error');
        if (compatible === 'Unknown') expect(findings.some(({ code }) => code === 'NotObserved')).toBe(true);
        if (compatible === 'Yes') expect(severities).not.toContain('warning');
      }),
      RUNS,
    );
  });
});
