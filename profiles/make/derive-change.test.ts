import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyPool, poolOf } from '../../test/domain/arbitrary-pool.ts';
import { madeHost, madeProfile, type MadeHost, type MadeProfile } from '../../test/domain/made.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { check } from '../verdict/check.ts';
import { smallestChange } from './derive-change.ts';
import { generate } from './generate.ts';

const change = (made: MadeProfile, given: MadeHost) => {
  const [profile, host] = [madeProfile(made), madeHost(given)];
  return smallestChange(profile, host, check(profile, host));
};
const capabilities = { msrFilter: false, userSpaceMsr: false, nested: false };

test('bits are taken away', () => {
  expect(change({ cpuid: [[0x7, 0, 'ebx', 0x28]] }, { cpuid: [[0x7, 0, 'ebx', 0x8]] })).toEqual({
    options: [],
    filterNone: false,
    without: ['CPUID 7.0:EBX[5]'],
    names: ['avx2'],
    compatible: 'Yes',
    left: [],
  });
});
test('nesting and Hyper-V are options, the filter has a mode', () => {
  const vmx = Array.from({ length: 18 }, (_, i) => 0x480 + i);
  expect(
    change(
      { cpuid: [[0x1, 0, 'ecx', 0x20]], required: [...vmx, 0x4000_0000], filter: 'closed' },
      { cpuid: [[0x1, 0, 'ecx', 0]], capabilities },
    ),
  ).toMatchObject({ options: ['nested', 'hyperv'], filterNone: true, without: [], compatible: 'Yes' });
});
test('what nothing in a profile can change is left, and said', () => {
  expect(
    change({ cpuid: [[0x7, 0, 'ebx', 0x20]], required: [0x174] }, { cpuid: [[0x7, 0, 'ebx', 0]] }),
  ).toMatchObject({
    without: ['CPUID 7.0:EBX[5]'],
    compatible: 'No',
    left: [{ code: 'RequiredMsrMissing' }],
  });
});
test('an identity that a host has no place for is left', () => {
  expect(change({ cpuid: [[0x8000_0002, 0, 'eax', 1]] }, {})).toMatchObject({
    without: [],
    compatible: 'No',
    left: [{ name: 'cpu_brandid_0' }],
  });
});
test('nothing to change: a Yes, an Unknown, another vendor', () => {
  expect(change({}, {})).toBeUndefined();
  expect(change({}, { source: 'raw' })).toBeUndefined();
  expect(change({}, { vendor: 'amd' })).toBeUndefined();
});
test(
  'the law: after the change nothing is left that a profile could give up',
  () => {
    fc.assert(
      fc.property(anyPool, (recipe) => {
        const [made, ...others] = poolOf(recipe);
        const { vendor, data } = generate('law', made);
        const profile = { vendor, data, filter: 'closed' } as const;
        for (const host of others) {
          const found = smallestChange(profile, host, check(profile, host));
          if (found === undefined) continue;
          expect(
            found.left.filter(
              ({ code, class: class_ }) => /Bits(Missing|Unwanted)$/.test(code) && class_ !== 'identity',
            ),
          ).toEqual([]);
        }
      }),
      { numRuns: lawRuns(100) },
    );
  },
  20_000 + 100 * lawRuns(100),
);
