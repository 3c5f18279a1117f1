import { describe, expect, test } from 'vitest';
import { decideDelivery, decideRemoval, selectorProblem, type Place } from './decide.ts';
import type { Evaluation } from './evaluate.ts';
import type { ConfigMapView, NamespaceView } from './views.ts';
import type { CpuProfileSpec } from '../../../crds/cpu-profile.ts';

const ENABLED = { 'cpuprofiles.dev/delivery': 'enabled' };

const namespace = (labels: Record<string, string> = ENABLED, terminating = false): NamespaceView => ({
  name: 'team-a',
  labels,
  terminating,
});

const configMap = (changes: Partial<ConfigMapView> = {}): ConfigMapView => ({
  name: 'cpu-profile-p',
  namespace: 'team-a',
  uid: 'uid-1',
  resourceVersion: '7',
  profile: 'p',
  digest: 'sha256:d',
  hash: 'h',
  ...changes,
});

const accepted: Evaluation = {
  accepted: true,
  digest: 'sha256:d',
  message: '',
  content: { hash: 'h', files: () => ({}) },
};
const tooLarge: Evaluation = {
  accepted: true,
  digest: 'sha256:d',
  message: '',
  content: { reason: 'TooLarge', message: '2000000 bytes' },
};
const rejected: Evaluation = { accepted: false, reason: 'InvalidData', message: 'bad' };

const spec = (delivery?: CpuProfileSpec['delivery']): CpuProfileSpec => ({
  vendor: 'intel',
  catalog: 'skylake',
  ...(delivery !== undefined && { delivery }),
});

const everywhere = spec({ namespaceSelector: {} });

describe('decideDelivery in one namespace', () => {
  const cases: [string, CpuProfileSpec, Evaluation, Place, string | undefined][] = [
    ['labelled, nothing there', spec(), accepted, { namespace: namespace(), configMap: undefined }, 'create'],
    ['not labelled', spec(), accepted, { namespace: namespace({}), configMap: undefined }, undefined],
    [
      '{} selects what has no label',
      everywhere,
      accepted,
      { namespace: namespace({}), configMap: undefined },
      'create',
    ],
    ['as it should be', spec(), accepted, { namespace: namespace(), configMap: configMap() }, 'keep'],
    [
      'other content',
      spec(),
      accepted,
      { namespace: namespace(), configMap: configMap({ hash: 'x' }) },
      'replace',
    ],
    [
      'not immutable',
      spec(),
      accepted,
      { namespace: namespace(), configMap: configMap({ hash: undefined }) },
      'replace',
    ],
    [
      'other digest',
      spec(),
      accepted,
      { namespace: namespace(), configMap: configMap({ digest: 'x' }) },
      'replace',
    ],
    ['no longer selected', spec(), accepted, { namespace: namespace({}), configMap: configMap() }, 'remove'],
    [
      'not ours',
      spec(),
      accepted,
      { namespace: namespace(), configMap: configMap({ profile: undefined }) },
      'avoid',
    ],
    [
      "another profile's label",
      spec(),
      accepted,
      { namespace: namespace(), configMap: configMap({ profile: 'q' }) },
      'avoid',
    ],
    [
      'not ours, not selected',
      spec(),
      accepted,
      { namespace: namespace({}), configMap: configMap({ profile: undefined }) },
      undefined,
    ],
    [
      'terminating, nothing there',
      spec(),
      accepted,
      { namespace: namespace(ENABLED, true), configMap: undefined },
      undefined,
    ],
    [
      'terminating, no longer selected',
      spec(),
      accepted,
      { namespace: namespace({}, true), configMap: configMap() },
      undefined,
    ],
    [
      'rejected, delivered before',
      spec(),
      rejected,
      { namespace: namespace(), configMap: configMap({ hash: 'x' }) },
      'keep',
    ],
    [
      'rejected, no longer selected',
      spec(),
      rejected,
      { namespace: namespace({}), configMap: configMap() },
      'keep',
    ],
    [
      'rejected, nothing there',
      spec(),
      rejected,
      { namespace: namespace(), configMap: undefined },
      undefined,
    ],
    [
      'too large, nothing there',
      spec(),
      tooLarge,
      { namespace: namespace(), configMap: undefined },
      undefined,
    ],
    [
      'too large, delivered before',
      spec(),
      tooLarge,
      { namespace: namespace(), configMap: configMap() },
      'keep',
    ],
  ];
  test.each(cases)('%s', (_, wanted, evaluation, place, expected) => {
    const { actions } = decideDelivery('p', wanted, evaluation, [place]);
    expect(actions.map((action) => action.do)).toEqual(expected === undefined ? [] : [expected]);
  });
});

describe('what stops delivery', () => {
  test.each([
    ['NotAccepted', spec(), rejected],
    ['TooLarge', spec(), tooLarge],
    [
      'InvalidSelector',
      spec({ namespaceSelector: { matchExpressions: [{ key: 'k', operator: 'In' as const }] } }),
      accepted,
    ],
    [undefined, spec(), accepted],
  ])('%s', (reason, wanted, evaluation) => {
    const { wanted: content } = decideDelivery('p', wanted, evaluation, []);
    expect('reason' in content ? content.reason : undefined).toBe(reason);
  });
});

test('an empty list of namespaces removes nothing', () => {
  expect(decideDelivery('p', spec(), accepted, []).actions).toEqual([]);
  expect(decideRemoval('p', [])).toEqual([]);
});

describe('decideRemoval', () => {
  test.each([
    ['ours', namespace({}), configMap(), ['remove']],
    ['ours, in a labelled namespace', namespace(), configMap(), ['remove']],
    ['not ours', namespace(), configMap({ profile: undefined }), []],
    ['nothing there', namespace(), undefined, []],
    ['terminating namespace', namespace(ENABLED, true), configMap(), []],
  ])('%s', (_, where, existing, expected) => {
    const actions = decideRemoval('p', [{ namespace: where, configMap: existing }]);
    expect(actions.map((action) => action.do)).toEqual(expected);
  });
});

describe('selectorProblem', () => {
  test.each([
    [{ matchExpressions: [{ key: 'k', operator: 'In' as const, values: [] }] }, /In of "k" needs values/],
    [{ matchExpressions: [{ key: 'k', operator: 'NotIn' as const }] }, /NotIn of "k" needs values/],
    [
      { matchExpressions: [{ key: 'k', operator: 'Exists' as const, values: ['v'] }] },
      /Exists of "k" takes no/,
    ],
    [
      { matchExpressions: [{ key: 'k', operator: 'DoesNotExist' as const, values: ['v'] }] },
      /takes no values/,
    ],
  ])('%j', (selector, message) => {
    expect(selectorProblem(selector)).toMatch(message);
  });

  test('a good selector has none', () => {
    const good = {
      matchLabels: { a: 'b' },
      matchExpressions: [
        { key: 'k', operator: 'In' as const, values: ['v'] },
        { key: 'l', operator: 'Exists' as const },
      ],
    };
    expect(selectorProblem(good)).toBeUndefined();
  });
});
