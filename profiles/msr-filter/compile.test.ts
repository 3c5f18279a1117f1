import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyProfile, msrIndex } from '../../test/arbitrary-profile.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { U32_MAX } from '../model/numbers.ts';
import { type FilterMode, type Profile, profileDataFromWire } from '../model/profile.ts';
import {
  compileDepartures,
  type CompiledFilter,
  compileFilter,
  type Departures,
  FilterError,
} from './compile.ts';
import type { Directions } from './cover.ts';
import { filterDecision } from './decide.ts';
import { contains, forbiddenMsrs, isX2apic, permittedMsrs } from './permitted.ts';

/** Everywhere a mistake of one could show: around every range and run, around x2APIC, at both ends of the space. */
function boundaries(filter: CompiledFilter, indices: Iterable<number>): number[] {
  const edges = [0x7ff, 0x800, 0x8ff, 0x900, 0, U32_MAX, ...indices];
  for (const { base, count } of filter.ranges) edges.push(base, base + count - 1);
  for (const { first, last } of filter.allowed) edges.push(first, last);
  const around = edges.flatMap((edge) => [edge - 1, edge, edge + 1]);
  return [...new Set(around)].filter((index) => index >= 0 && index <= U32_MAX);
}

const ACCESSES = [
  ['r', 1],
  ['w', 2],
] as const;

/** What KVM accepts, and what it would take without a word although it has no effect. */
function expectWellFormed(filter: CompiledFilter): void {
  expect(filter.ranges.length).toBeLessThanOrEqual(16);
  for (const { base, count, bitmap, flags } of filter.ranges) {
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(12_288);
    expect(bitmap.length).toBe(Math.ceil(count / 64) * 8);
    expect(bitmap.length).toBeLessThanOrEqual(0x600);
    expect(base + count - 1).toBeLessThanOrEqual(U32_MAX);
    expect(base > 0x8ff || base + count - 1 < 0x800).toBe(true);
    expect([1, 2, 3]).toContain(flags);
    for (let bit = count; bit < bitmap.length * 8; bit += 1) {
      expect(((bitmap[bit >> 3] ?? 0) >> (bit & 7)) & 1).toBe(0);
    }
  }
}

const isAllowed = ({ allowed }: CompiledFilter, index: number, access: 'r' | 'w'): boolean =>
  allowed.some(
    ({ first, last, access: granted }) => first <= index && index <= last && granted.includes(access),
  );

const departures: fc.Arbitrary<Departures> = fc
  .array(
    fc.record({
      first: fc.oneof(msrIndex, fc.integer({ min: 0, max: 60_000 })),
      length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })),
      directions: fc.constantFrom<Directions>(1, 2, 3),
    }),
    { maxLength: 14 },
  )
  .map((runs) => {
    const result = new Map<number, Directions>();
    for (const { first, length, directions } of runs) {
      for (let index = first; index < first + length && index <= U32_MAX; index += 1) {
        if (!isX2apic(index)) result.set(index, directions);
      }
    }
    return new Map([...result].sort(([left], [right]) => left - right));
  });

describe('compileDepartures', () => {
  it('decides every boundary in both directions as the set says', () => {
    fc.assert(
      fc.property(fc.constantFrom('closed' as const, 'deny-known' as const), departures, (mode, set) => {
        const compiled = tryCompile(mode, set);
        fc.pre(compiled !== undefined);
        expectWellFormed(compiled);
        for (const index of boundaries(compiled, set.keys())) {
          for (const [access, direction] of ACCESSES) {
            const departs = ((set.get(index) ?? 0) & direction) !== 0;
            const allowed = departs === (mode === 'closed');
            const expected = isX2apic(index) ? 'not-filterable' : allowed ? 'allowed' : 'denied';
            if (filterDecision(compiled, index, access) !== expected) {
              expect.fail(`${mode} ${index.toString(16)} ${access}: not ${expected}`);
            }
            expect(isAllowed(compiled, index, access)).toBe(expected === 'allowed');
          }
        }
      }),
      { numRuns: 120 },
    );
  }, 30_000);

  it('compiles the same set to the same bytes', () => {
    const set: Departures = new Map([
      [0x10, 3],
      [0x49, 2],
      [0xfe, 1],
    ]);
    expect(compileDepartures('closed', set)).toEqual(compileDepartures('closed', new Map(set)));
  });

  it('denies everything for an empty closed set, in the one range that KVM insists on', () => {
    const filter = compileDepartures('closed', new Map());
    expect(filter.flags).toBe(1);
    expect(filter.ranges).toHaveLength(1);
    expect([0, 1, 0x10, U32_MAX].map((index) => filterDecision(filter, index, 'r'))).toEqual(
      Array(4).fill('denied'),
    );
  });

  it('takes 16 MSRs far apart, and says why 17 are too many', () => {
    const far = (count: number): Departures =>
      new Map(Array.from({ length: count }, (_, i) => [0x10_0000 + i * 20_000, 3 as const]));
    expect(compileDepartures('closed', far(16)).ranges).toHaveLength(16);
    expect(() => compileDepartures('closed', far(17))).toThrow(FilterError);
    expect(() => compileDepartures('closed', far(17))).toThrow(
      /16 ranges of at most 12,288 MSRs.*0x14e200.*17 MSRs/,
    );
  });

  it('stays quick for 2,048 MSRs all over the place', () => {
    const set: Departures = new Map(
      Array.from({ length: 2048 }, (_, i) => [i * 2_000_003, ((i % 3) + 1) as Directions]),
    );
    const start = performance.now();
    expect(() => compileDepartures('closed', set)).toThrow(FilterError);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('shares a range where reads and writes agree and takes a second where they differ', () => {
    const kinds = (set: [number, Directions][]) =>
      compileDepartures('closed', new Map(set)).ranges.map(({ flags }) => flags);
    expect(
      kinds([
        [0x10, 3],
        [0x20, 3],
      ]),
    ).toEqual([3]);
    expect(
      kinds([
        [0x10, 1],
        [0x20, 1],
      ]),
    ).toEqual([1]);
    expect(
      kinds([
        [0x10, 3],
        [0x20, 1],
      ]),
    ).toHaveLength(2);
    expect(
      kinds([
        [0x10, 1],
        [0x20, 2],
      ]),
    ).toEqual([1, 2]);
  });
});

function tryCompile(mode: 'closed' | 'deny-known', set: Departures): CompiledFilter | undefined {
  try {
    return compileDepartures(mode, set);
  } catch (error) {
    if (error instanceof FilterError) return undefined;
    throw error;
  }
}

const catalogProfile = (name: string, filter: FilterMode, hyperv = true): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  const { data } = profileDataFromWire(entry.data);
  const required = data.requiredMsrs.filter((index) => hyperv || index < 0x4000_0000 || index > 0x4000_01ff);
  return { vendor: entry.vendor, data: { ...data, requiredMsrs: required }, filter };
};

describe('compileFilter', () => {
  it('agrees with the permitted list and the tables for any profile, at every boundary', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const definitions = definitionsFor(profile.vendor);
        const permitted = permittedMsrs(profile, definitions);
        const known = [...forbiddenMsrs(profile, definitions), ...definitions.nonArchitectural];
        const filter = compileFilter(profile);
        expectWellFormed(filter);
        const interesting = [...permitted.keys(), ...known.flatMap(({ first, last }) => [first, last])];
        for (const index of boundaries(filter, interesting)) {
          for (const [access] of ACCESSES) {
            const granted = permitted.get(index)?.includes(access) === true;
            const expected = isX2apic(index)
              ? 'not-filterable'
              : profile.filter === 'none' ||
                  granted ||
                  (profile.filter === 'deny-known' && !contains(known, index))
                ? 'allowed'
                : 'denied';
            if (filterDecision(filter, index, access) !== expected) {
              expect.fail(`${profile.filter} ${index.toString(16)} ${access}: not ${expected}`);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it.each(['cascade-lake', 'sapphire-rapids', 'skylake'])('%s: the number of ranges', (name) => {
    const count = (filter: FilterMode, hyperv: boolean) =>
      compileFilter(catalogProfile(name, filter, hyperv)).ranges.length;
    // Below x2APIC reads and writes differ, so two; IA32_XSS, KVM's and 0xc0000080 ff. one each; Hyper-V's one more.
    expect([count('closed', false), count('closed', true)]).toEqual([5, 6]);
    // Below and above x2APIC, the uncore ones from 0x107cc, HWCR.
    expect([count('deny-known', true), count('none', true)]).toEqual([4, 0]);
  });

  it('takes few ranges for every shipped profile', () => {
    const ranges = catalogNames().flatMap((name) =>
      (['closed', 'deny-known'] as const).map(
        (mode) => compileFilter(catalogProfile(name, mode, false)).ranges.length,
      ),
    );
    // With AMD's own below x2APIC and above 0xc0010000, and IA32_XSS where XSAVES is.
    expect(Math.max(...ranges)).toBeLessThanOrEqual(7);
    expect(Math.min(...ranges)).toBeGreaterThanOrEqual(3);
  });

  it('never denies a shipped profile what it requires', () => {
    for (const name of catalogNames()) {
      for (const mode of ['closed', 'deny-known'] as const) {
        const profile = catalogProfile(name, mode);
        const filter = compileFilter(profile);
        const denied = profile.data.requiredMsrs.filter(
          (index) => filterDecision(filter, index, 'r') === 'denied',
        );
        expect(denied).toEqual([]);
      }
    }
  });

  it('allows in mode none all that can be filtered', () => {
    expect(compileFilter(catalogProfile('skylake', 'none'))).toEqual({
      mode: 'none',
      flags: 0,
      ranges: [],
      allowed: [
        { first: 0, last: 0x7ff, access: 'rw' },
        { first: 0x900, last: U32_MAX, access: 'rw' },
      ],
    });
  });
});
