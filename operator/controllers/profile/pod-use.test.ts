import { expect, test } from 'vitest';
import { podUses, type PodObject } from './pod-use.ts';

const pod = (changes: Omit<PodObject, 'metadata'>, labels?: Record<string, string>): PodObject => ({
  metadata: { name: 'x', ...(labels !== undefined && { labels }) },
  ...changes,
});
const mounts = { volumes: [{ configMap: { name: 'cpu-profile-p' } }] };
const readsKey = { env: [{ valueFrom: { configMapKeyRef: { name: 'cpu-profile-p' } } }] };
const readsAll = { envFrom: [{ configMapRef: { name: 'cpu-profile-p' } }] };

test.each<[string, PodObject, boolean]>([
  ['volume', pod({ spec: mounts }), true],
  ['volume, phase Running', pod({ spec: mounts, status: { phase: 'Running' } }), true],
  ['volume, phase Pending', pod({ spec: mounts, status: { phase: 'Pending' } }), true],
  ['volume, phase Unknown', pod({ spec: mounts, status: { phase: 'Unknown' } }), true],
  ['volume, phase Succeeded', pod({ spec: mounts, status: { phase: 'Succeeded' } }), false],
  ['volume, phase Failed', pod({ spec: mounts, status: { phase: 'Failed' } }), false],
  ['another volume', pod({ spec: { volumes: [{ configMap: { name: 'cpu-profile-pp' } }, {}] } }), false],
  [
    'projected source',
    pod({ spec: { volumes: [{ projected: { sources: [{}, { configMap: { name: 'cpu-profile-p' } }] } }] } }),
    true,
  ],
  [
    'projected, others',
    pod({ spec: { volumes: [{ projected: { sources: [{}] } }, { projected: {} }] } }),
    false,
  ],
  ['environment of a container', pod({ spec: { containers: [{}, readsKey] } }), true],
  ['environment of an init container', pod({ spec: { initContainers: [readsKey] } }), true],
  ['envFrom', pod({ spec: { containers: [readsAll] } }), true],
  ['envFrom of an ephemeral container', pod({ spec: { ephemeralContainers: [readsAll] } }), true],
  ['plain environment', pod({ spec: { containers: [{ env: [{}], envFrom: [{}] }] } }), false],
  ['asks by label', pod({ spec: {} }, { 'cpuprofiles.dev/profile': 'p' }), true],
  [
    'asked by label and ended',
    pod({ status: { phase: 'Failed' } }, { 'cpuprofiles.dev/profile': 'p' }),
    false,
  ],
  ['asks for another', pod({ spec: {} }, { 'cpuprofiles.dev/profile': 'q' }), false],
  ['nothing at all', pod({}), false],
])('%s', (_, object, expected) => {
  expect(podUses(object, 'p')).toBe(expected);
});
