import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FINDING_CODES } from '../../profiles/model/finding.ts';

test('docs/reference/findings.md explains exactly the codes that verdicts use', () => {
  const page = readFileSync('docs/reference/findings.md', 'utf8');
  const documented = [...page.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
  expect(documented.toSorted()).toEqual(FINDING_CODES.toSorted());
});
