import { expect, test } from 'vitest';
import { holdsMoreThan } from './size.ts';

test.each([
  [0, null, true],
  [1, 'text', false],
  [3, [1, 2], false],
  [2, [1, 2], true],
  [4, { a: { b: [1] } }, false],
  [3, { a: { b: [1] } }, true],
  [10, Array.from({ length: 11 }, () => 0), true],
])('more than %d values in %j: %s', (limit, json, expected) => {
  expect(holdsMoreThan(limit, json)).toBe(expected);
});

test('a value that stands in many places counts as often, and is not counted to the end', () => {
  let bomb: unknown = 0;
  for (let i = 0; i < 40; i += 1) bomb = [bomb, bomb, bomb, bomb];
  expect(holdsMoreThan(1000, bomb)).toBe(true);
});
