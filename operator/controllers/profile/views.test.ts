import { describe, expect, test } from 'vitest';
import { configMapObject, contentHash } from './content.ts';
import type { ConfigMapObject } from './objects.ts';
import { configMapView, namespaceView, profileOf } from './views.ts';
import { isNewer } from './status-writer.ts';

const written = configMapObject('p', 'ns', 'sha256:d', { b: '2', a: '1' });
const changed = (changes: Partial<ConfigMapObject>): ConfigMapObject => ({ ...written, ...changes });

describe('configMapView', () => {
  test('of what we write', () => {
    expect(configMapView(written)).toMatchObject({
      name: 'cpu-profile-p',
      namespace: 'ns',
      profile: 'p',
      digest: 'sha256:d',
      hash: contentHash({ a: '1', b: '2' }),
    });
  });

  test.each<[string, ConfigMapObject]>([
    ['mutable', changed({ immutable: false })],
    ['with binary data', changed({ binaryData: { x: 'AA==' } })],
  ])('%s is not what we write', (_, object) => {
    expect(configMapView(object).hash).toBeUndefined();
  });

  test.each<[string, Record<string, string>]>([
    ['no labels', {}],
    ['another manager', { 'app.kubernetes.io/managed-by': 'helm', 'cpuprofiles.dev/profile': 'p' }],
    ['no profile', { 'app.kubernetes.io/managed-by': 'cpu-profile-operator' }],
  ])('%s is nobody of ours', (_, labels) => {
    expect(configMapView(changed({ metadata: { ...written.metadata, labels } })).profile).toBeUndefined();
  });
});

describe('contentHash', () => {
  test.each([
    ['another value', { a: '1', b: '3' }],
    ['another key', { a: '1', c: '2' }],
    ['one less', { a: '1' }],
    ['parts that join to the same text', { a: '1b', '': '2' }],
  ])('%s is another hash', (_, files) => {
    expect(contentHash(files)).not.toBe(contentHash({ a: '1', b: '2' }));
  });

  test('the order of keys is not content', () => {
    expect(contentHash({ b: '2', a: '1' })).toBe(contentHash({ a: '1', b: '2' }));
  });
});

test.each([
  [{ metadata: { name: 'n' } }, false],
  [{ metadata: { name: 'n' }, status: { phase: 'Active' } }, false],
  [{ metadata: { name: 'n' }, status: { phase: 'Terminating' } }, true],
  [{ metadata: { name: 'n', deletionTimestamp: '2026-01-01T00:00:00Z' } }, true],
])('terminating: %j is %s', (namespace, terminating) => {
  expect(namespaceView(namespace).terminating).toBe(terminating);
});

test.each([
  ['cpu-profile-p', 'p'],
  ['cpu-profile-a-b', 'a-b'],
  ['kube-root-ca.crt', undefined],
])('profileOf(%s)', (name, profile) => {
  expect(profileOf(name)).toBe(profile);
});

test.each([
  ['10', '9', true],
  ['9', '10', false],
  ['10', '10', false],
  ['11', '10', true],
])('isNewer(%s, %s)', (left, right, expected) => {
  expect(isNewer(left, right)).toBe(expected);
});
