import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KVM_REASONS } from '../../node-agent/kvm/errors.ts';

const page = readFileSync('docs/reference/conditions.md', 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));
const documented = new Set(
  rows.flatMap((row) => [...(row.split('|')[2] ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1])),
);

test('every reason for which a probe can fail is explained', () => {
  expect(KVM_REASONS.filter((reason) => !documented.has(reason))).toEqual([]);
});

// Where a condition gets its reason, by the words that stand before it in the source.
test.each([
  ['node-agent/decide/conditions.ts', /reason: '([A-Z]\w+)'/g],
  ['profiles/make/accept.ts', /refused\('([A-Z]\w+)'/g],
  ['profiles/make/resolve.ts', /failed\(\s*'([A-Z]\w+)'/g],
  ['operator/controllers/profile/status.ts', /no\('Delivered', '([A-Z]\w+)'/g],
  ['operator/controllers/profile/decide.ts', /reason: '([A-Z]\w+)'/g],
  ['operator/controllers/profile/evaluate.ts', /reason: '([A-Z]\w+)'/g],
] as const)('every reason that %s gives is explained', (file, pattern) => {
  const given = [...readFileSync(file, 'utf8').matchAll(pattern)].map((match) => match[1]);
  expect(given.length).toBeGreaterThan(0);
  expect(given.filter((reason) => !documented.has(reason))).toEqual([]);
});
