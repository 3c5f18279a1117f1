import { expect, test } from 'vitest';
import { unknownEntry } from './unknown-entry.ts';

test.each([
  ['icelake-server-v6', /"icelake-server-v5" stands for it: exactly the same hosts fit$/],
  ['EPYC-Milan-v3', /"epyc-milan-v2" stands for it/],
  ['haswel-v4', /there is haswell-v4$/],
  ['x86-64-v3', /there is x86-64-v3-amd, x86-64-v3-intel/],
  ['pentium', /"pentium" in the catalogue, which has \d\d, such as skylake and icelake-server-v5$/],
  ['x'.repeat(5000), /^.{0,200}$/],
])('%s', (name, says) => {
  expect(unknownEntry(name)).toMatch(says);
});
