import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quickPair } from '../../test/domain/quick-host.ts';
import { madeProfile, type MadeProfile } from '../../test/domain/made.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { generate } from '../make/generate.ts';
import type { Profile } from '../model/profile.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { check } from './check.ts';
import { excess, fitsTheSame, fitsWherever } from './fits-wherever.ts';
import { strength } from './strength.ts';

const names = (lower: MadeProfile, upper: MadeProfile): string[] =>
  excess(madeProfile(lower), madeProfile(upper)).map(({ name, place }) => `${name} ${place}`);

describe('what keeps a profile from fitting wherever another fits', () => {
  test('nothing: itself, and one that asks for less', () => {
    const upper: MadeProfile = {
      cpuid: [
        [0x7, 0, 'ebx', 0x28],
        [0xd, 0, 'eax', 0x7],
        [0xd, 2, 'eax', 256],
      ],
      msrs: [[0x10a, 0xbn]],
      required: [0x10, 0x48, 0x10a],
      filter: 'closed',
    };
    expect(names(upper, upper)).toEqual([]);
    expect(names({ cpuid: [[0x7, 0, 'ebx', 0x8]], required: [0x10a] }, upper)).toEqual([]);
  });

  test.each<[string, MadeProfile, MadeProfile, string[]]>([
    [
      'a bit',
      { cpuid: [[0x7, 0, 'ebx', 0x28]] },
      { cpuid: [[0x7, 0, 'ebx', 0x8]] },
      ['avx2 CPUID 7.0:EBX[5]'],
    ],
    [
      'a bit that the other leaves to the host',
      { cpuid: [[0x7, 0, 'ebx', 0x20]] },
      { cpuid: [[0x7, 0, 'ebx', 0x8, 0x20]] },
      ['avx2 CPUID 7.0:EBX[5]'],
    ],
    ['bad news', { msrs: [[0x10a, 0x1n]] }, { msrs: [[0x10a, 0x8_0001n]] }, ['RRSBA MSR 0x10a']],
    ['good news in an MSR', { msrs: [[0x10a, 0x3n]] }, { msrs: [[0x10a, 0x1n]] }, ['IBRS_ALL MSR 0x10a']],
    ['an MSR', { msrs: [[0x10a, 0x1n]] }, {}, ['IA32_ARCH_CAPABILITIES MSR 0x10a']],
    ['a required MSR', { required: [0x48] }, {}, ['IA32_SPEC_CTRL MSR 0x48']],
    [
      'a number',
      { cpuid: [[0x7, 0, 'eax', 2]] },
      { cpuid: [[0x7, 0, 'eax', 1]] },
      ['leaf7_n_subleaves CPUID 7.0:EAX[1]'],
    ],
    [
      'a size of what both offer',
      {
        cpuid: [
          [0xd, 0, 'eax', 0x7],
          [0xd, 2, 'ebx', 576],
        ],
      },
      {
        cpuid: [
          [0xd, 0, 'eax', 0x7],
          [0xd, 2, 'ebx', 640],
        ],
      },
      ['xsave_offset CPUID d.2:EBX[6,7,9]'],
    ],
    ['the filter', { filter: 'closed' }, {}, ['msrFilter the host']],
    ['the vendor', { vendor: 'amd' }, {}, ['vendor the host']],
  ])('%s', (_, lower, upper, expected) => {
    const found = names(lower, upper).map((each) => each.replace(/\[[^\]]*\]$/, ''));
    expect(found).toEqual(expect.arrayContaining(expected.map((each) => each.replace(/\[[^\]]*\]$/, ''))));
    expect(fitsWherever(madeProfile(lower), madeProfile(upper))).toBe(false);
  });

  test('the tolerance for FB_CLEAR is no promise to a profile that sets bad news', () => {
    const clear: MadeProfile = { msrs: [[0x10a, 0x2_0000n]] };
    const stricter: MadeProfile = { msrs: [[0x10a, 0xa_0000n]] };
    expect(names(clear, clear)).toEqual([]);
    expect(names(stricter, clear)).toEqual(['FB_CLEAR MSR 0x10a']);
  });

  test('the length of a name is no difference', () => {
    const named = (text: number): MadeProfile => ({ cpuid: [[0x8000_0003, 0, 'eax', text]] });
    expect(names(named(0x41), named(0))).toEqual([]);
  });
});

/** A profile made of a host, with some of its bits given up. */
const weaker = (profile: Profile, drop: number): Profile => ({
  ...profile,
  data: {
    ...profile.data,
    cpuid: profile.data.cpuid.map((entry, i) =>
      entry.leaf === 0x7 || entry.leaf === 0x1
        ? { ...entry, value: (entry.value & ~(drop >>> (i % 7))) >>> 0 }
        : entry,
    ),
  },
});
const made = (host: Snapshot): Profile => {
  const { vendor, data } = generate('law', host);
  return { vendor, data, filter: 'closed' };
};

describe('laws', () => {
  test('what fits wherever another fits is Yes where that one is Yes, and never stronger', () => {
    let ordered = 0;
    fc.assert(
      fc.property(quickPair, fc.integer({ min: 0, max: 0xffff_ffff }), ([host, other], drop) => {
        const upper = made(host);
        for (const lower of [weaker(upper, drop), made(other)]) {
          if (!fitsWherever(lower, upper)) continue;
          ordered += 1;
          expect(strength(lower)).toBeLessThanOrEqual(strength(upper));
          for (const each of [host, other])
            if (check(upper, each).compatible === 'Yes') expect(check(lower, each).compatible).toBe('Yes');
        }
      }),
      { numRuns: lawRuns(100) },
    );
    expect(ordered).toBeGreaterThan(20);
  });

  test('a profile that is No on the host of another does not fit wherever that one fits', () => {
    fc.assert(
      fc.property(quickPair, ([left, right]) => {
        const [lower, upper] = [made(left), made(right)];
        if (check(lower, right).compatible === 'No') expect(fitsWherever(lower, upper)).toBe(false);
        expect(fitsTheSame(lower, lower)).toBe(true);
      }),
      { numRuns: lawRuns(100) },
    );
  });
});
