import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitSubleaves } from './subleaves.ts';

test('one range for each present subleaf and one for each gap', () => {
  expect(splitSubleaves(0, 0xffff_ffff, [0, 1, 3])).toEqual([
    { first: 0, last: 0 },
    { first: 1, last: 1 },
    { first: 2, last: 2 },
    { first: 3, last: 3 },
    { first: 4, last: 0xffff_ffff },
  ]);
  expect(splitSubleaves(17, 63, [])).toEqual([{ first: 17, last: 63 }]);
  expect(splitSubleaves(5, 5, [5, 9])).toEqual([{ first: 5, last: 5 }]);
});

test('the ranges cover everything once, in order, and a present subleaf stands alone', () => {
  const bounds = fc.tuple(fc.nat(40), fc.nat(40)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  fc.assert(
    fc.property(bounds, fc.array(fc.nat(45)), ([first, last], present) => {
      const covered = splitSubleaves(first, last, present).flatMap((range) => {
        const members = Array.from({ length: range.last - range.first + 1 }, (_, i) => range.first + i);
        if (members.some((subleaf) => present.includes(subleaf))) expect(members).toHaveLength(1);
        return members;
      });
      expect(covered).toEqual(Array.from({ length: last - first + 1 }, (_, i) => first + i));
    }),
  );
});
