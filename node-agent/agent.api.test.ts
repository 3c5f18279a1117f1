import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CPU_PROFILES, CPU_SNAPSHOTS, profileLabel, SNAPSHOT_LABEL, VENDOR_LABEL } from '../crds/kinds.ts';
import { nodeCpuStatus } from '../crds/node-cpu.ts';
import { systemClock } from '../kube/clock.ts';
import { EVENTS, NODES } from '../kube/core.ts';
import type { ApiClient, KubeObject } from '../kube/types.ts';
import type { ProfileSpecWire } from '../profiles/make/resolve.ts';
import { digestOf } from '../profiles/model/canonical.ts';
import { snapshotName, snapshotToWire, type Snapshot } from '../profiles/model/snapshot.ts';
import { kubectl, sharedControlPlane } from '../test/control-plane/inject.ts';
import { KvmError } from './kvm/errors.ts';
import { probeEveryCpu } from './kvm/probe-machine.ts';
import { thisMachine } from './machine.ts';
import type { Machine } from './observer.ts';
import {
  clientOf,
  DEVICE,
  fittingSpec,
  hasKvm,
  labelsOf,
  nodeCpuOf,
  nodeObject,
  profileObject,
  startAgent,
  unfittingSpec,
  type AgentChoices,
  type RunningAgent,
} from './testing/running-agent.ts';

/** Within seconds is what is promised; two cores shared with everything else get more. */
const soon = { timeout: 15_000, interval: 100 };

describe.skipIf(!hasKvm)(`an agent on the real ${DEVICE} and a real API server`, () => {
  let client: ApiClient & { close(): void };
  let snapshot: Snapshot;
  let serial = 0;
  let node = '';
  let profile = '';
  let agents: RunningAgent[] = [];

  beforeAll(async () => {
    client = await clientOf(sharedControlPlane().kubeconfig);
    ({ snapshot } = await probeEveryCpu({ device: DEVICE }));
  });
  afterAll(() => client.close());
  afterEach(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    agents = [];
    await client.delete(CPU_PROFILES, profile).catch(() => undefined);
    await client.delete(NODES, node).catch(() => undefined);
  });

  /** A Node of its own for each test. */
  const newNode = async (): Promise<void> => {
    serial += 1;
    node = `agent-test-${serial}`;
    profile = `agent-test-${serial}`;
    await client.create(NODES, nodeObject(node));
  };
  const start = async (choices?: AgentChoices): Promise<RunningAgent> => {
    const agent = await startAgent(sharedControlPlane().kubeconfig, node, choices);
    agents.push(agent);
    return agent;
  };
  const stop = async (): Promise<void> => {
    await agents.pop()?.stop();
  };
  const createProfile = (spec: ProfileSpecWire) => client.create(CPU_PROFILES, profileObject(profile, spec));
  const fitting = () => createProfile(fittingSpec(profile, snapshot));
  const label = async (): Promise<string | undefined> =>
    (await labelsOf(client, node))[profileLabel(profile)];
  const labelled = () => vi.waitFor(async () => expect(await label()).toBe('true'), soon);
  const verdict = async () =>
    (await nodeCpuOf(client, node)).status?.verdicts?.find((candidate) => candidate.profile === profile);
  const condition = async (type: string) =>
    (await nodeCpuOf(client, node)).status?.conditions?.find((candidate) => candidate.type === type);
  const events = async (reason: string): Promise<number> => {
    const { items } = await client.list<KubeObject>(EVENTS, {
      namespace: 'default',
      fieldSelector: `involvedObject.name=${node},reason=${reason}`,
    });
    return items.length;
  };

  it('labels its Node with snapshot, vendor and the profile that fits, and writes NodeCpu and CpuSnapshot', async () => {
    await newNode();
    await fitting();
    const { agent } = await start();
    await labelled();
    const name = snapshotName(snapshot);
    expect(await labelsOf(client, node)).toMatchObject({
      [SNAPSHOT_LABEL]: name,
      [VENDOR_LABEL]: snapshot.vendor,
    });

    await vi.waitFor(async () => expect((await verdict())?.compatible).toBe('Yes'), soon);
    const { metadata, status } = await nodeCpuOf(client, node);
    const { uid = '' } = (await client.get<KubeObject>(NODES, node)).metadata;
    expect(metadata.ownerReferences).toEqual([{ apiVersion: 'v1', kind: 'Node', name: node, uid }]);
    expect(nodeCpuStatus.safeParse(status).error).toBeUndefined();
    expect(status?.snapshot).toBe(name);
    expect(status?.provenance?.kernel).not.toBe('');
    expect(status?.conditions?.map(({ type, status: is }) => [type, is])).toEqual([
      ['Probed', 'True'],
      ['Labelled', 'True'],
    ]);
    const stored = await client.get<KubeObject & { spec: unknown }>(CPU_SNAPSHOTS, name);
    expect(digestOf(stored.spec)).toBe(digestOf(snapshotToWire(snapshot)));
    await vi.waitFor(() => expect(agent.notReady()).toBeUndefined(), soon);
    await vi.waitFor(async () => expect(await events('Labelled')).toBe(1), soon);
  });

  it('labels within seconds of a profile being made, and takes the label away when it is deleted', async () => {
    await newNode();
    await start();
    await vi.waitFor(async () => expect(await labelsOf(client, node)).toHaveProperty([SNAPSHOT_LABEL]), soon);
    expect(await label()).toBeUndefined();
    await fitting();
    await labelled();
    await client.delete(CPU_PROFILES, profile);
    await vi.waitFor(async () => expect(await label()).toBeUndefined(), soon);
    await vi.waitFor(async () => expect(await verdict()).toBeUndefined(), soon);
    expect(await labelsOf(client, node)).toHaveProperty([SNAPSHOT_LABEL]);
  });

  it('restores a label that somebody removes or sets to something else', async () => {
    await newNode();
    await fitting();
    await start();
    await labelled();
    expect((await kubectl(['label', 'node', node, `${profileLabel(profile)}-`])).code).toBe(0);
    await labelled();
    expect((await kubectl(['label', '--overwrite', 'node', node, `${profileLabel(profile)}=no`])).code).toBe(
      0,
    );
    await labelled();
    await client.delete(CPU_PROFILES, profile);
    await vi.waitFor(async () => expect(await label()).toBeUndefined(), soon);
  });

  it('gives a profile that does not fit a No and no label, and leaves the labels of others alone', async () => {
    await newNode();
    expect((await kubectl(['label', 'node', node, 'example.com/mine=yes'])).code).toBe(0);
    await createProfile(unfittingSpec(profile, snapshot));
    await start();
    await vi.waitFor(
      async () => expect(await verdict()).toMatchObject({ compatible: 'No', reason: 'RequiredMsrMissing' }),
      soon,
    );
    expect(await label()).toBeUndefined();
    expect(await labelsOf(client, node)).toMatchObject({ 'example.com/mine': 'yes' });
  });

  it('holds the label when the profile is made anew with content that does not fit', async () => {
    await newNode();
    await fitting();
    await start();
    await labelled();
    await stop();
    await client.delete(CPU_PROFILES, profile);
    await createProfile(unfittingSpec(profile, snapshot));
    const { metrics } = await start();
    await vi.waitFor(
      async () => expect(await verdict()).toMatchObject({ compatible: 'No', held: true }),
      soon,
    );
    expect(await label()).toBe('true');
    expect(await condition('Labelled')).toMatchObject({ status: 'False', reason: 'Held' });
    expect((await condition('Labelled'))?.message).toContain(profile);
    expect(await metrics.registry.metrics()).toContain('cpuprofiles_node_labels_held 1');
    await vi.waitFor(async () => expect(await events('Held')).toBe(1), soon);
  });

  it('shows why a probe fails, changes no label and is ready all the same', async () => {
    await newNode();
    await fitting();
    await start();
    await labelled();
    await vi.waitFor(async () => expect((await verdict())?.compatible).toBe('Yes'), soon);
    await stop();
    const labels = await labelsOf(client, node);
    const blocked = () =>
      Promise.reject(new KvmError('DeviceBlocked', `the device cgroup forbids ${DEVICE}`));
    const machine: Machine = { ...thisMachine(DEVICE, systemClock), everyCpu: blocked, oneCpu: blocked };
    const { agent, metrics } = await start({ machine });
    await vi.waitFor(
      async () =>
        expect(await condition('Probed')).toMatchObject({ status: 'False', reason: 'DeviceBlocked' }),
      soon,
    );
    expect((await condition('Probed'))?.message).toContain('device plugin');
    expect(await labelsOf(client, node)).toEqual(labels);
    expect((await verdict())?.compatible).toBe('Yes');
    expect(agent.notReady()).toBeUndefined();
    expect(await metrics.registry.metrics()).toContain('cpuprofiles_probes_total{result="DeviceBlocked"} 1');
  });

  it('probes again on request, on every CPU', async () => {
    await newNode();
    let probes = 0;
    const real = thisMachine(DEVICE, systemClock);
    const machine: Machine = { ...real, everyCpu: () => ((probes += 1), real.everyCpu()) };
    const { agent } = await start({ machine });
    await vi.waitFor(() => expect(agent.notReady()).toBeUndefined(), soon);
    expect(probes).toBe(1);
    agent.requestEveryCpu();
    await vi.waitFor(() => expect(probes).toBe(2), soon);
  });

  it('starts anew for a Node that is deleted and made again', async () => {
    await newNode();
    await fitting();
    await start();
    await labelled();
    await vi.waitFor(async () => expect((await verdict())?.compatible).toBe('Yes'), soon);
    await client.delete(NODES, node);
    await client.create(NODES, nodeObject(node));
    await labelled();
    const { uid } = (await client.get<KubeObject>(NODES, node)).metadata;
    await vi.waitFor(async () => {
      const { metadata, status } = await nodeCpuOf(client, node);
      expect(metadata.ownerReferences?.map((owner) => owner.uid)).toEqual([uid]);
      expect(status?.verdicts?.map(({ profile: name }) => name)).toContain(profile);
    }, soon);
  });

  it('does not create a Node, and waits for its own', async () => {
    await newNode();
    await client.delete(NODES, node);
    const { agent } = await start();
    await expect(client.get(NODES, node)).rejects.toMatchObject({ status: 404 });
    expect(agent.notReady()).toContain('no round');
    await client.create(NODES, nodeObject(node));
    await vi.waitFor(async () => expect(await labelsOf(client, node)).toHaveProperty([SNAPSHOT_LABEL]), soon);
  });
});
