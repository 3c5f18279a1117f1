import { expect, test } from 'vitest';
import { quoted } from './quoted.ts';

test.each([
  ['plain', '"plain"'],
  ['a"b\\c', String.raw`"a\"b\\c"`],
  ['line\nnext\u001b[2J\0', String.raw`"line\nnext\u001b[2J\u0000"`],
  ['\u009b\u202e\u2028\ufeff', '"????"'],
  ['\ud800', String.raw`"\ud800"`],
  ['x'.repeat(61), `"${'x'.repeat(60)}…"`],
])('%j is said as %s', (text, expected) => {
  expect(quoted(text)).toBe(expected);
});
