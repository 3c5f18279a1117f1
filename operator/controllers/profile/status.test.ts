import { describe, expect, test } from 'vitest';
import { decideStatus, statusChange, type Outcome, type StatusInput } from './status.ts';
import type { Evaluation } from './evaluate.ts';

const accepted: Evaluation = {
  accepted: true,
  digest: 'sha256:d',
  message: 'the profile is consistent',
  content: { hash: 'h', files: () => ({}) },
};
const rejected: Evaluation = { accepted: false, reason: 'InvalidData', message: 'mask and value overlap' };
const nodes = { compatible: 1, incompatible: 2, unknown: 3, held: 0 };

const input = (changes: Partial<StatusInput> = {}): StatusInput => ({
  profile: 'p',
  generation: 3,
  previous: undefined,
  now: '2026-01-02T03:04:05Z',
  evaluation: accepted,
  problem: undefined,
  outcomes: [{ namespace: 'a', result: 'delivered' }],
  nodes,
  ...changes,
});

const conditionsOf = (changes: Partial<StatusInput>) => {
  const { status } = decideStatus(input(changes));
  return Object.fromEntries((status.conditions ?? []).map((condition) => [condition.type, condition]));
};

const at = (namespace: string, result: Outcome['result'], detail?: string): Outcome => ({
  namespace,
  result,
  ...(detail !== undefined && { detail }),
});

describe('conditions', () => {
  test('all is well', () => {
    const conditions = conditionsOf({});
    expect(conditions['Accepted']).toMatchObject({
      status: 'True',
      reason: 'Accepted',
      observedGeneration: 3,
    });
    expect(conditions['Delivered']).toMatchObject({ status: 'True', reason: 'Delivered' });
    expect(conditions['Delivered']?.message).toBe('1 of 1 selected namespace has ConfigMap cpu-profile-p');
    expect(conditions['Ready']).toMatchObject({ status: 'True', reason: 'Ready' });
  });

  test('a rejected profile: the reason goes through to Ready, and there is no digest', () => {
    const problem = { reason: 'NotAccepted', message: 'not delivered' } as const;
    const changes = { evaluation: rejected, problem, outcomes: [at('a', 'kept')] };
    const conditions = conditionsOf(changes);
    expect(conditions['Accepted']).toMatchObject({ status: 'False', reason: 'InvalidData' });
    expect(conditions['Accepted']?.message).toContain('overlap');
    expect(conditions['Delivered']).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    expect(conditions['Delivered']?.message).toContain('1 ConfigMap left as delivered before');
    expect(conditions['Ready']).toMatchObject({ status: 'False', reason: 'InvalidData' });
    const { status } = decideStatus(input(changes));
    expect(status).not.toHaveProperty('digest');
    expect(status.configMaps).toBe(1);
  });

  test.each<[string, Outcome[], string, RegExp]>([
    ['none selected', [], 'NoNamespaces', /kubectl label namespace NAME cpuprofiles.dev\/delivery=enabled/],
    [
      'not ours',
      [at('a', 'delivered'), at('b', 'foreign')],
      'ConfigMapConflict',
      /^1 of 2 .*in b another ConfigMap/,
    ],
    ['refused', [at('a', 'refused', 'quota')], 'ConfigMapRefused', /^0 of 1 .*a \(quota\)/],
    ['outdated in use', [at('a', 'outdated', 'used by pod x')], 'InUse', /^0 of 1 .*a \(used by pod x\)/],
    [
      'surplus in use',
      [at('a', 'delivered'), at('b', 'surplus', 'used by pod x')],
      'Delivered',
      /^1 of 1 .*no longer selected.*b \(used by pod x\)/,
    ],
    ['surplus alone', [at('b', 'surplus')], 'NoNamespaces', /no namespace is selected.*no longer selected/],
    ['namespace on its way out', [at('a', 'delivered'), at('b', 'skipped')], 'Delivered', /^1 of 1 /],
    [
      'conflict goes before refusal',
      [at('a', 'refused'), at('b', 'foreign')],
      'ConfigMapConflict',
      /^0 of 2/,
    ],
    [
      'many',
      ['a', 'b', 'c', 'd', 'e'].map((name) => at(name, 'foreign')),
      'ConfigMapConflict',
      /in a, b, c and 2 more/,
    ],
  ])('%s', (_, outcomes, reason, message) => {
    const { Delivered: delivered, Ready: ready } = conditionsOf({ outcomes });
    expect(delivered?.reason).toBe(reason);
    expect(delivered?.message).toMatch(message);
    expect(ready?.status).toBe(reason === 'Delivered' ? 'True' : 'False');
    if (reason !== 'Delivered') expect(ready?.reason).toBe(reason);
  });

  test('a message never exceeds what the condition holds', () => {
    const long: Evaluation = { ...rejected, message: 'x'.repeat(100_000) };
    expect(conditionsOf({ evaluation: long })['Accepted']?.message.length).toBeLessThanOrEqual(1024);
  });

  test('lastTransitionTime moves with the status, not with the message', () => {
    const { status: previous } = decideStatus(input({ now: '2025-01-01T00:00:00Z' }));
    const outcomes = [at('a', 'delivered'), at('b', 'delivered')];
    expect(conditionsOf({ previous, outcomes })['Delivered']?.lastTransitionTime).toBe(
      '2025-01-01T00:00:00Z',
    );
    const failed = [at('a', 'foreign')];
    expect(conditionsOf({ previous, outcomes: failed })['Delivered']?.lastTransitionTime).toBe(
      '2026-01-02T03:04:05Z',
    );
  });
});

test('a ConfigMap that cannot be replaced is counted', () => {
  const outcomes: Outcome[] = [{ namespace: 'a', result: 'refused', detail: 'no', exists: true }];
  expect(decideStatus(input({ outcomes })).status.configMaps).toBe(1);
});

test('ConfigMaps are counted where they exist, in whatever state', () => {
  const outcomes = (
    ['delivered', 'outdated', 'surplus', 'kept', 'removed', 'foreign', 'refused', 'skipped'] as const
  ).map((result, i) => at(`n${i}`, result));
  expect(decideStatus(input({ outcomes })).status.configMaps).toBe(4);
});

describe('events', () => {
  test('a new profile that is delivered', () => {
    expect(decideStatus(input()).events).toMatchObject([
      { type: 'Normal', reason: 'Accepted' },
      { type: 'Normal', reason: 'Delivered' },
    ]);
  });

  test('a rejected profile has one, with the reason of its condition', () => {
    const problem = { reason: 'NotAccepted', message: '' } as const;
    const { events } = decideStatus(input({ evaluation: rejected, problem, outcomes: [] }));
    expect(events).toEqual([{ type: 'Warning', reason: 'InvalidData', message: 'mask and value overlap' }]);
  });

  test('nothing new, no event', () => {
    const { status: previous } = decideStatus(input());
    expect(
      decideStatus(input({ previous, outcomes: [at('a', 'delivered'), at('b', 'delivered')] })).events,
    ).toEqual([]);
  });

  test('a conflict that comes and goes', () => {
    const { status: before } = decideStatus(input());
    const conflict = decideStatus(input({ previous: before, outcomes: [at('a', 'foreign')] }));
    expect(conflict.events).toMatchObject([{ type: 'Warning', reason: 'ConfigMapConflict' }]);
    const solved = decideStatus(input({ previous: conflict.status }));
    expect(solved.events).toMatchObject([{ type: 'Normal', reason: 'Delivered' }]);
  });
});

describe('statusChange', () => {
  const { status } = decideStatus(input());

  test('no stored status is more than counts', () => {
    expect(statusChange(undefined, status)).toBe('more');
  });

  test('the same, whatever time it is and whoever adds conditions', () => {
    const stored = { ...status, conditions: [...(status.conditions ?? [])] };
    stored.conditions.unshift({
      type: 'Foreign',
      status: 'True',
      reason: 'R',
      message: '',
      lastTransitionTime: '2020-01-01T00:00:00Z',
    });
    expect(statusChange(stored, decideStatus(input({ now: '2030-01-01T00:00:00Z' })).status)).toBe('none');
  });

  test.each<[string, Partial<StatusInput>, string]>([
    ['nodes', { nodes: { ...nodes, held: 1 } }, 'counts'],
    ['generation', { generation: 4 }, 'more'],
    ['a message', { outcomes: [at('a', 'delivered'), at('b', 'delivered')] }, 'more'],
    ['acceptance', { evaluation: rejected }, 'more'],
  ])('%s', (_, changes, expected) => {
    expect(statusChange(status, decideStatus(input(changes)).status)).toBe(expected);
  });
});
