import { beforeEach, describe, expect, it } from 'vitest';
import { CPU_SNAPSHOTS, NODE_CPUS, profileLabel } from '../crds/kinds.ts';
import type { NodeCpuStatus } from '../crds/node-cpu.ts';
import { systemClock } from '../kube/clock.ts';
import { ApiError } from '../kube/errors.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import type { ApiClient } from '../kube/types.ts';
import { snapshotName } from '../profiles/model/snapshot.ts';
import { good, yes } from './decide/testing.ts';
import type { Observation } from './observer.ts';
import { Reconciler } from './reconcile.ts';
import { ModelCluster } from './testing/model-cluster.ts';
import { snapshotWithMsr } from './testing/snapshots.ts';

const SNAPSHOT = snapshotWithMsr(0x10);
const NAME = snapshotName(SNAPSHOT);

describe('a round', () => {
  let cluster: ModelCluster;
  let events: string[];
  let failures: number;
  let observation: Observation | undefined;

  beforeEach(() => {
    cluster = new ModelCluster('worker-1');
    cluster.profiles.set('rome', 'u1');
    events = [];
    failures = 0;
    observation = { outcome: good({ snapshot: NAME }), snapshot: SNAPSHOT };
  });

  const reconciler = (client: Partial<ApiClient> = {}): Reconciler =>
    new Reconciler({
      client: { ...cluster.client(), ...client },
      nodeName: 'worker-1',
      observer: { latest: () => observation },
      profiles: { hasSynced: true, values: () => [{ name: 'rome', uid: 'u1', generation: 1, spec: '{}' }] },
      assessor: { assessAll: () => Promise.resolve([yes('rome')]) },
      events: { record: (_, { reason }) => events.push(reason) },
      metrics: {
        state: () => undefined,
        labelsChanged: () => undefined,
        reconcileFailed: () => (failures += 1),
      },
      clock: systemClock,
      log: silentLogger,
    });
  const status = (): NodeCpuStatus | undefined => cluster.objects.get(`${NODE_CPUS.kind}/worker-1`)?.status;
  const label = (): string | undefined => cluster.node.labels.get(profileLabel('rome'));

  it('before the first probe does nothing', async () => {
    observation = undefined;
    const idle = reconciler();
    expect(await idle.reconcile()).toEqual({ done: true });
    expect(idle.ready).toBe(false);
    expect(cluster.writes).toBe(0);
  });

  it('writes four objects the first time, and none the second', async () => {
    const first = reconciler();
    expect(await first.reconcile()).toEqual({ done: true });
    expect(cluster.writes).toBe(4);
    expect(label()).toBe('true');
    expect(status()?.snapshot).toBe(NAME);
    expect(events).toEqual(['Labelled']);
    expect(await first.reconcile()).toEqual({ done: true });
    expect(cluster.writes).toBe(4);
    expect(first.ready).toBe(true);
  });

  it('says in the NodeCpu that the server refuses the labels, and tries again', async () => {
    const refused = new ApiError('apply Node worker-1', 403, {
      reason: 'Forbidden',
      message: 'a policy forbids it',
    });
    const apply: ApiClient['apply'] = (resource, object, options) =>
      resource.kind === 'Node' ? Promise.reject(refused) : cluster.client().apply(resource, object, options);
    await expect(reconciler({ apply }).reconcile()).rejects.toBe(refused);
    expect(status()?.conditions?.find(({ type }) => type === 'Labelled')).toMatchObject({
      status: 'False',
      reason: 'LabelsNotWritten',
      message: expect.stringContaining('a policy forbids it') as string,
    });
    expect(events).toEqual([]);
    expect(failures).toBe(1);
  });

  it('that meets a changed Node comes again soon, without an error', async () => {
    const apply: ApiClient['apply'] = (resource, object, options) => {
      if (resource.kind === 'Node') cluster.labelByHand('example.com/other', 'x');
      return cluster.client().apply(resource, object, options);
    };
    expect(await reconciler({ apply }).reconcile()).toEqual({ requeueAfterMs: 250 });
    expect(failures).toBe(0);
    expect(label()).toBeUndefined();
    await reconciler().reconcile();
    expect(label()).toBe('true');
  });

  it('labels although neither CpuSnapshot nor NodeCpu can be had, and says so', async () => {
    const get: ApiClient['get'] = (resource, name) =>
      resource.group === NODE_CPUS.group
        ? Promise.reject(new ApiError(`get ${resource.kind}`, 404, undefined))
        : cluster.client().get(resource, name);
    await expect(reconciler({ get }).reconcile()).rejects.toBeInstanceOf(AggregateError);
    expect(label()).toBe('true');
  });

  it('reports a CpuSnapshot that holds other content, and trusts its own probe', async () => {
    const metadata = { name: NAME };
    cluster.objects.set(`${CPU_SNAPSHOTS.kind}/${NAME}`, { metadata, spec: { vendor: 'amd' } });
    await reconciler().reconcile();
    expect(label()).toBe('true');
    expect(status()?.conditions?.map(({ type }) => type)).toContain('SnapshotConflict');
    expect(events).toContain('SnapshotConflict');
  });

  it('replaces the NodeCpu of an earlier Node of its name', async () => {
    await reconciler().reconcile();
    const first = cluster.objects.get(`${NODE_CPUS.kind}/worker-1`);
    expect(first?.metadata.ownerReferences).toMatchObject([{ kind: 'Node', uid: 'node-1' }]);
    cluster.node.uid = 'node-2';
    await reconciler().reconcile();
    const second = cluster.objects.get(`${NODE_CPUS.kind}/worker-1`);
    expect(second?.metadata.ownerReferences).toMatchObject([{ kind: 'Node', uid: 'node-2' }]);
    expect(second?.status?.history).toHaveLength(1);
  });
});
