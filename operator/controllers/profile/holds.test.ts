import { expect, test } from 'vitest';
import type { Action } from './decide.ts';
import { Holds } from './holds.ts';
import type { Outcome } from './status.ts';

const configMap = (resourceVersion = '1') => ({
  name: 'cpu-profile-p',
  namespace: 'a',
  uid: 'u',
  resourceVersion,
  profile: 'p',
  digest: 'd',
  hash: 'h',
});
const remove: Action = { do: 'remove', namespace: 'a', configMap: configMap() };
const surplus: Outcome = { namespace: 'a', result: 'surplus', detail: 'used by pod x' };

test('what was held is recalled until its time is over', () => {
  const holds = new Holds(100);
  expect(holds.keep('p', remove, surplus, 1000)).toBe(false);
  expect(holds.recall('p', remove, 1099)).toEqual(surplus);
  expect(holds.recall('p', remove, 1100)).toBeUndefined();
  expect(holds.nextMs('p', 1040)).toBe(60);
  expect(holds.nextMs('p', 2000)).toBe(1);
  expect(holds.nextMs('q', 1000)).toBeUndefined();
});

test.each<[string, Action]>([
  ['another action', { do: 'replace', namespace: 'a', configMap: configMap() }],
  ['a changed object', { do: 'remove', namespace: 'a', configMap: configMap('2') }],
  ['another namespace', { do: 'remove', namespace: 'b', configMap: configMap() }],
])('%s is tried at once', (_, action) => {
  const holds = new Holds(100);
  holds.keep('p', remove, surplus, 1000);
  expect(holds.recall('p', action, 1001)).toBeUndefined();
});

test('the same outcome again is no news', () => {
  const holds = new Holds(100);
  holds.keep('p', remove, surplus, 1000);
  expect(holds.keep('p', remove, surplus, 1200)).toBe(true);
  expect(holds.keep('p', remove, { namespace: 'a', result: 'removed' }, 1400)).toBe(false);
  expect(holds.nextMs('p', 1400)).toBeUndefined();
});

test('nothing is held for a namespace that needs nothing any more', () => {
  const holds = new Holds(100);
  holds.keep('p', remove, surplus, 1000);
  holds.retain('p', [{ do: 'create', namespace: 'b' }]);
  expect(holds.nextMs('p', 1000)).toBeUndefined();
});
