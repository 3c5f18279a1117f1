import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VerdictIndex } from './verdict-index.ts';
import { VerdictPool, type NodeCpuObject } from './verdict-pool.ts';

type Verdict = NonNullable<NonNullable<NodeCpuObject['status']>['verdicts']>[number];

const CURRENT = `sha256:${'a'.repeat(64)}`;
const OLD = 'b'.repeat(16);

const verdict = (
  profile: string,
  compatible: Verdict['compatible'],
  changes: Partial<Verdict> = {},
): Verdict => ({
  profile,
  digest: 'a'.repeat(16),
  compatible,
  proven: false,
  since: '2026-01-01T00:00:00Z',
  reason: 'R',
  findings: 0,
  ...changes,
});
const nodeCpu = (...verdicts: Verdict[]): NodeCpuObject => ({
  metadata: { name: 'n' },
  status: { verdicts },
});

describe('counts', () => {
  const pool = new VerdictPool();
  const index = new VerdictIndex();
  const nodes: [string, NodeCpuObject][] = [
    ['yes', nodeCpu(verdict('p', 'Yes'), verdict('q', 'No'))],
    ['yes-too', nodeCpu(verdict('p', 'Yes'))],
    ['no', nodeCpu(verdict('p', 'No'))],
    ['no-held', nodeCpu(verdict('p', 'No', { held: true }))],
    ['unknown', nodeCpu(verdict('p', 'Unknown'))],
    ['older digest', nodeCpu(verdict('p', 'Yes', { digest: OLD }))],
    ['older digest, held', nodeCpu(verdict('p', 'No', { digest: OLD, held: true }))],
    ['no verdict', nodeCpu()],
    ['no status', { metadata: { name: 'n' } }],
  ];
  for (const [name, object] of nodes) index.update(name, pool.read(object));

  test.each([
    ['p', CURRENT, { compatible: 2, incompatible: 2, unknown: 5, held: 2 }],
    ['q', CURRENT, { compatible: 0, incompatible: 1, unknown: 8, held: 0 }],
    ['p without a digest', undefined, { compatible: 0, incompatible: 0, unknown: 9, held: 0 }],
    ['a profile nobody mentions', CURRENT, { compatible: 0, incompatible: 0, unknown: 9, held: 0 }],
  ])('%s', (name, digest, expected) => {
    expect(index.counts(name, digest)).toEqual(expected);
  });
});

test('a rejected p has held labels and no other counts', () => {
  const index = new VerdictIndex();
  index.update('n', new VerdictPool().read(nodeCpu(verdict('p', 'Unknown', { held: true }))));
  expect(index.counts('p', undefined)).toEqual({ compatible: 0, incompatible: 0, unknown: 1, held: 1 });
});

describe('update says whose counts may have changed', () => {
  const pool = new VerdictPool();
  const read = (...verdicts: Verdict[]) => pool.read(nodeCpu(...verdicts));

  test('a node that comes or goes changes all, because unknown counts nodes', () => {
    const index = new VerdictIndex();
    expect(index.update('n', read(verdict('p', 'Yes')))).toBe('all');
    expect(index.update('n', undefined)).toBe('all');
    expect(index.nodes).toBe(0);
  });

  test('a verdict that stays changes nothing', () => {
    const index = new VerdictIndex();
    index.update('n', read(verdict('p', 'Yes'), verdict('q', 'Yes')));
    expect(index.update('n', read(verdict('p', 'Yes'), verdict('q', 'No')))).toEqual(new Set(['q']));
    expect(
      index.update('n', read(verdict('p', 'Yes', { since: '2027-01-01T00:00:00Z' }), verdict('q', 'No'))),
    ).toEqual(new Set());
  });

  test('a node that was never there and goes', () => {
    expect(new VerdictIndex().update('n', undefined)).toEqual(new Set());
  });
});

test('a NodeCpu that repeats a profile counts once', () => {
  const index = new VerdictIndex();
  index.update(
    'n',
    new VerdictPool().read(nodeCpu(verdict('p', 'Yes'), verdict('p', 'No'), verdict('p', 'Yes'))),
  );
  expect(index.counts('p', CURRENT)).toEqual({ compatible: 1, incompatible: 0, unknown: 0, held: 0 });
});

test('any history of updates counts as the last state alone would', () => {
  const anyVerdict = fc.record({
    profile: fc.constantFrom('p', 'q', 'r'),
    digest: fc.constantFrom('a'.repeat(16), OLD),
    compatible: fc.constantFrom('Yes' as const, 'No' as const, 'Unknown' as const),
    held: fc.boolean(),
  });
  const change = fc.record({
    node: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
    verdicts: fc.option(fc.uniqueArray(anyVerdict, { selector: ({ profile }) => profile }), {
      nil: undefined,
    }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (history) => {
      const index = new VerdictIndex();
      const last = new Map<string, ReturnType<VerdictPool['read']>>();
      const pool = new VerdictPool();
      for (const { node, verdicts } of history) {
        const read =
          verdicts &&
          pool.read(nodeCpu(...verdicts.map((entry) => verdict(entry.profile, entry.compatible, entry))));
        index.update(node, read);
        if (read === undefined) last.delete(node);
        else last.set(node, read);
      }
      for (const profile of ['p', 'q', 'r']) {
        const own = [...last.values()].map((verdicts) => verdicts.find((entry) => entry.profile === profile));
        const current = own.filter((entry) => entry?.digest === 'a'.repeat(16));
        const compatible = current.filter((entry) => entry?.compatible === 'Yes').length;
        const incompatible = current.filter((entry) => entry?.compatible === 'No').length;
        expect(index.counts(profile, CURRENT)).toEqual({
          compatible,
          incompatible,
          unknown: last.size - compatible - incompatible,
          held: own.filter((entry) => entry?.held === true).length,
        });
      }
    }),
  );
});
