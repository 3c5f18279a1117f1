/** The operator's bundle as a process, with the rights of its service account, through restarts of everything. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CpuProfileSpec } from '../crds/cpu-profile.ts';
import { CPU_PROFILES } from '../crds/kinds.ts';
import { systemClock } from '../kube/clock.ts';
import { CONFIG_MAPS, LEASES, type Lease } from '../kube/core.ts';
import type { KubeObject } from '../kube/types.ts';
import { LEASE_NAME } from './operator.ts';
import { TestCluster } from '../test/operator/cluster.ts';
import { eventually } from '../test/operator/eventually.ts';
import { Program } from '../test/operator/program.ts';
import { operatorAccount } from '../test/operator/rights.ts';

const NAMESPACE = 'operator-system';
const CATALOG = ['skylake', 'cascade-lake', 'sapphire-rapids'];

let cluster: TestCluster;
let kubeconfig: string;
const programs: Program[] = [];

const start = (identity: string): Program => {
  const args = [`--kubeconfig=${kubeconfig}`, `--namespace=${NAMESPACE}`, `--identity=${identity}`];
  const program = new Program([...args, '--log-level=debug']);
  programs.push(program);
  return program;
};

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.namespace(NAMESPACE, {});
  await cluster.namespace('team-a');
  await cluster.namespace('team-b');
  kubeconfig = await operatorAccount(cluster, NAMESPACE);
  for (const catalog of CATALOG) await cluster.profile(catalog, { vendor: 'intel', catalog });
  await cluster.profile('refused', { vendor: 'intel', catalog: 'no-such-cpu' });
});

afterEach(async ({ task }) => {
  const failed = task.result?.state === 'fail';
  for (const program of programs.splice(0)) {
    if (failed) console.error(program.lines.join('\n'));
    // Not killed: its Lease would keep the next test waiting.
    if (program.running) await program.end('SIGTERM');
  }
});

afterAll(() => cluster.stop());

/** uid and resourceVersion of everything the operator writes, but for Events and the Lease. */
async function footprint(): Promise<string[]> {
  const labelSelector = 'app.kubernetes.io/managed-by=cpu-profile-operator';
  const profiles = await cluster.client.list<KubeObject>(CPU_PROFILES);
  const configMaps = await cluster.client.list<KubeObject>(CONFIG_MAPS, { labelSelector });
  return [...profiles.items, ...configMaps.items].map(
    ({ metadata }) =>
      `${metadata.namespace ?? ''}/${metadata.name} ${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}`,
  );
}

/** Writing requests for our objects that the API server ever answered, also those that changed nothing. */
async function writes(): Promise<number> {
  const { stdout } = await cluster.plane.kubectl(['get', '--raw=/metrics']);
  const ours = /resource="(cpuprofiles|configmaps)"/;
  const writing = /verb="(POST|PUT|PATCH|APPLY|DELETE|DELETECOLLECTION)"/;
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('apiserver_request_total{') && ours.test(line) && writing.test(line));
  expect(lines.length).toBeGreaterThan(0);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const settled = async (): Promise<void> => {
  for (const catalog of CATALOG) await cluster.reason(catalog, 'Ready', 'Ready', 30_000);
  await cluster.reason('refused', 'Ready', 'UnknownCatalogEntry');
};

/** Every profile was looked at once by this process. */
const reconciled = (program: Program): Promise<true> =>
  eventually(
    'all profiles are reconciled',
    async () => {
      const done = await program.metric(
        'cpuprofiles_reconcile_duration_seconds_count',
        '{controller="profile"}',
      );
      return (done ?? 0) > CATALOG.length;
    },
    30_000,
  );

const holder = async (): Promise<string | undefined> =>
  (await cluster.client.get<Lease>(LEASES, LEASE_NAME, NAMESPACE)).spec?.holderIdentity;

test('with its own rights it delivers, shows metrics, and stops cleanly within 5 s', async () => {
  const program = start('first');
  await program.ready();
  await program.leads();
  await settled();
  expect(await holder()).toBe('first');
  expect(await program.metric('cpuprofiles_profiles', '{state="ready"}')).toBe(3);
  expect(await program.metric('cpuprofiles_profiles', '{state="rejected"}')).toBe(1);
  expect(await program.metric('cpuprofiles_configmaps', '{profile="skylake"}')).toBe(2);
  expect(await program.metric('cpuprofiles_profile_nodes', '{profile="skylake",result="compatible"}')).toBe(
    0,
  );
  expect((await program.get('/healthz')).status).toBe(200);
  const began = systemClock.monotonic();
  expect(await program.end('SIGTERM')).toBe(0);
  expect(systemClock.monotonic() - began).toBeLessThan(5_000);
  expect(await holder()).toBe('');
  expect(program.lines.filter((line) => /forbidden/i.test(line))).toEqual([]);
});

test('a restart writes nothing', async () => {
  const before = await footprint();
  const writesBefore = await writes();
  expect(before).toHaveLength(CATALOG.length + 1 + 2 * CATALOG.length);
  const program = start('restarted');
  await program.leads();
  await reconciled(program);
  expect(await footprint()).toEqual(before);
  expect(await writes()).toBe(writesBefore);
});

test('an API server that dies and comes back: nothing is lost, and work goes on', async () => {
  const program = start('persistent');
  await program.leads(30_000);
  await reconciled(program);
  const before = await footprint();
  await cluster.plane.killApiServer();
  expect((await program.get('/readyz')).status).toBe(200);
  await cluster.plane.startApiServer();
  const late: CpuProfileSpec = { vendor: 'intel', catalog: 'skylake' };
  await cluster.profile('late', late);
  await cluster.reason('late', 'Ready', 'Ready', 40_000);
  expect(await footprint()).toEqual(expect.arrayContaining(before));
  expect(program.running).toBe(true);
  await cluster.client.delete(CPU_PROFILES, 'late');
  await cluster.removed('late', 'team-a');
  await cluster.removed('late', 'team-b');
  expect(await footprint()).toEqual(before);
});

describe('two replicas', () => {
  test('one leads and both are ready; killed, the other takes over and writes nothing twice', async () => {
    const one = start('one');
    await one.leads(30_000);
    const two = start('two');
    await two.ready();
    expect(await two.metric('cpuprofiles_leader')).toBe(0);
    expect(await two.metric('cpuprofiles_profiles', '{state="ready"}')).toBeUndefined();
    await reconciled(one);
    const before = await footprint();
    await one.end('SIGKILL');
    await two.leads(30_000);
    expect(await holder()).toBe('two');
    await reconciled(two);
    expect(await footprint()).toEqual(before);
    await cluster.profile('after-takeover', { vendor: 'intel', catalog: 'skylake' });
    await cluster.reason('after-takeover', 'Ready', 'Ready');
    await cluster.client.delete(CPU_PROFILES, 'after-takeover');
    await cluster.removed('after-takeover', 'team-b');
  }, 90_000);

  test('terminated, the leader gives the Lease back and the other leads within seconds', async () => {
    const one = start('one');
    await one.leads(30_000);
    const two = start('two');
    await two.ready();
    expect(await one.end('SIGTERM')).toBe(0);
    // A waiting replica asks every 2 to 4.4 s; the Lease alone would last 15.
    await two.leads(7_000);
  }, 60_000);

  test('a leader whose Lease somebody else took ends with an error', async () => {
    const program = start('robbed');
    await program.leads(30_000);
    await eventually('the Lease is taken', async () => {
      const lease = await cluster.client.get<Lease>(LEASES, LEASE_NAME, NAMESPACE);
      const renewTime = `${new Date().toISOString().slice(0, -1)}000Z`;
      const spec = { ...lease.spec, holderIdentity: 'thief', renewTime };
      await cluster.client.replace<Lease>(LEASES, { ...lease, spec });
      return true;
    });
    expect(await program.ended()).toBe(1);
    expect(program.lines.join('\n')).toMatch(/lease/i);
    await cluster.client.delete(LEASES, LEASE_NAME, { namespace: NAMESPACE });
  }, 60_000);
});

test('without an API server it waits, is not ready, and still stops within 5 s', async () => {
  await cluster.plane.killApiServer();
  const program = start('lonely');
  const { status, body } = await program.get('/readyz');
  expect(status).toBe(503);
  expect(body).toContain('cpuprofiles');
  expect((await program.get('/healthz')).status).toBe(200);
  const began = systemClock.monotonic();
  expect(await program.end('SIGTERM')).toBe(0);
  expect(systemClock.monotonic() - began).toBeLessThan(5_000);
  await cluster.plane.startApiServer();
});

describe('the command line', () => {
  test('--version prints one and ends', async () => {
    const program = new Program(['--version']);
    expect(await program.ended()).toBe(0);
    await eventually('the version', () => Promise.resolve(program.lines.length > 0));
    expect(program.lines.join('')).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('wrong usage and a missing kubeconfig are one line each', async () => {
    const usage = new Program(['--leader-elect=perhaps']);
    expect(await usage.ended()).toBe(2);
    const missing = new Program(['--kubeconfig=/does/not/exist']);
    expect(await missing.ended()).toBe(1);
    await eventually('the messages', () =>
      Promise.resolve(usage.lines.length > 0 && missing.lines.length > 0),
    );
    expect(usage.lines).toHaveLength(1);
    expect(missing.lines).toHaveLength(1);
    expect(missing.lines[0]).toContain('/does/not/exist');
  });
});
