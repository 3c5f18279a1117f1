import { expect, test } from 'vitest';
import type { ProfileView } from './controllers/profile/views.ts';
import { createMetrics } from './metrics.ts';

const profile = (name: string, conditions?: Record<string, 'True' | 'False'>): ProfileView => ({
  name,
  uid: name,
  resourceVersion: '1',
  generation: 1,
  spec: { vendor: 'intel', catalog: 'skylake' },
  status: conditions && {
    nodes: { compatible: 4, incompatible: 3, unknown: 2, held: 1 },
    conditions: Object.entries(conditions).map(([type, status]) => ({
      type,
      status,
      reason: 'R',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })),
  },
});

const metrics = () =>
  createMetrics('1.2.3', {
    profiles: () => [
      profile('new'),
      profile('bad', { Accepted: 'False', Delivered: 'False' }),
      profile('waiting', { Accepted: 'True', Delivered: 'False' }),
      profile('good', { Accepted: 'True', Delivered: 'True' }),
      profile('good-too', { Accepted: 'True', Delivered: 'True' }),
    ],
    configMapProfiles: () => ['good', 'good', 'gone'],
  });

test('the leader reports every profile, its nodes and its ConfigMaps', async () => {
  const { registry, setLeader } = metrics();
  setLeader(true);
  const text = await registry.metrics();
  for (const line of [
    'cpuprofiles_build_info{version="1.2.3"} 1',
    'cpuprofiles_leader 1',
    'cpuprofiles_profiles{state="new"} 1',
    'cpuprofiles_profiles{state="rejected"} 1',
    'cpuprofiles_profiles{state="undelivered"} 1',
    'cpuprofiles_profiles{state="ready"} 2',
    'cpuprofiles_profile_nodes{profile="good",result="compatible"} 4',
    'cpuprofiles_profile_nodes{profile="good",result="held"} 1',
    'cpuprofiles_profile_nodes{profile="new",result="unknown"} 0',
    'cpuprofiles_configmaps{profile="good"} 2',
    'cpuprofiles_configmaps{profile="gone"} 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});

test('a replica that waits reports none of them', async () => {
  const { registry, setLeader } = metrics();
  setLeader(true);
  setLeader(false);
  const text = await registry.metrics();
  expect(text).toContain('cpuprofiles_leader 0');
  expect(text).not.toMatch(/^cpuprofiles_(profiles|profile_nodes|configmaps)\{/m);
});

test('a failed reconciliation is timed, counted and thrown on', async () => {
  const { registry, timed } = metrics();
  await expect(timed('profile', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await timed('profile', () => Promise.resolve(7))).toBe(7);
  const text = await registry.metrics();
  expect(text).toContain('cpuprofiles_reconcile_errors_total{controller="profile"} 1');
  expect(text).toContain('cpuprofiles_reconcile_duration_seconds_count{controller="profile"} 2');
});

test('every name has the prefix', async () => {
  const names = (await metrics().registry.getMetricsAsJSON()).map(({ name }) => name);
  expect(names.filter((name) => !name.startsWith('cpuprofiles_'))).toEqual([]);
});
