/** What may happen to a cluster without a label of a Node changing. A control plane of its own, because it is broken. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CPU_PROFILES, NODE_CPUS, profileLabel } from '../crds/kinds.ts';
import { systemClock } from '../kube/clock.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, NODES } from '../kube/core.ts';
import { Reflector } from '../kube/reflector.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import type { ApiClient, KubeObject } from '../kube/types.ts';
import { startControlPlane, type ControlPlane } from '../test/control-plane/start.ts';
import { confirmGone } from './api/confirm-gone.ts';
import { probeEveryCpu } from './kvm/probe-machine.ts';
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
  type RunningAgent,
} from './testing/running-agent.ts';

const soon = { timeout: 30_000, interval: 100 };
const NODE = 'survivor';
const PROFILE = 'survivor-v1';
const LABEL = profileLabel(PROFILE);

describe.skipIf(!hasKvm)('the labels of a Node stay', () => {
  let plane: ControlPlane;
  let client: ApiClient & { close(): void };
  let agent: RunningAgent;

  beforeAll(async () => {
    plane = await startControlPlane({ crds: true });
    client = await clientOf(plane.kubeconfig);
    const { snapshot } = await probeEveryCpu({ device: DEVICE });
    await client.create(NODES, nodeObject(NODE));
    await client.create(CPU_PROFILES, profileObject(PROFILE, fittingSpec(PROFILE, snapshot)));
    agent = await startAgent(plane.kubeconfig, NODE, { intervalMs: 2_000 });
    await vi.waitFor(async () => expect(await labelsOf(client, NODE)).toHaveProperty([LABEL], 'true'), soon);
    await vi.waitFor(
      async () => expect((await nodeCpuOf(client, NODE)).status?.verdicts).toHaveLength(1),
      soon,
    );
  });
  afterAll(async () => {
    await agent.stop();
    client.close();
    await plane.stop();
  });

  const nodeVersion = async (): Promise<string | undefined> =>
    (await client.get<KubeObject>(NODES, NODE)).metadata.resourceVersion;
  const probes = async (): Promise<number> =>
    Number(/probes_total\{result="ok"\} (\d+)/.exec(await agent.metrics.registry.metrics())?.[1]);
  /** So many more probes, each followed by a round. */
  const moreProbes = async (count: number): Promise<void> => {
    const before = await probes();
    await vi.waitFor(async () => expect(await probes()).toBeGreaterThanOrEqual(before + count), soon);
  };

  it('through a restart of the agent: nothing is written to Node and NodeCpu', async () => {
    // Every round of the agent that stops has ended, and with it what it had to write.
    await moreProbes(1);
    await agent.stop();
    const versions = async (): Promise<(string | undefined)[]> => {
      const objects = await Promise.all([client.get<KubeObject>(NODES, NODE), nodeCpuOf(client, NODE)]);
      return objects.map(({ metadata }) => metadata.resourceVersion);
    };
    const before = await versions();
    agent = await startAgent(plane.kubeconfig, NODE, { intervalMs: 2_000 });
    // The round after the list of profiles has been read is the one with verdicts.
    await vi.waitFor(
      async () =>
        expect(await agent.metrics.registry.metrics()).toMatch(/node_verdicts\{compatible="Yes"\} 1/),
      soon,
    );
    await moreProbes(1);
    expect(await versions()).toEqual(before);
  });

  it('through a SIGKILL of the API server and its return: nothing is written at all', async () => {
    const before = await nodeVersion();
    // Somebody who watches the Node all the time, and comes back after the outage as the agent does.
    const stop = new AbortController();
    const seen: (string | undefined)[] = [];
    const watcher: Reflector<string | undefined> = new Reflector({
      client,
      resource: NODES,
      project: ({ metadata }) => metadata.resourceVersion,
      clock: systemClock,
      random: () => 0,
      log: silentLogger,
      onChange: (key) => seen.push(watcher.get(key)),
    });
    const watching = watcher.run(stop.signal);
    await watcher.synced();
    await plane.killApiServer();
    await moreProbes(1);
    await plane.startApiServer();
    await moreProbes(2);
    const { metadata } = await client.create<KubeObject>(NODES, nodeObject('marker'));
    await vi.waitFor(() => expect(seen).toContain(metadata.resourceVersion), soon);
    expect(seen).toEqual([before, metadata.resourceVersion]);
    expect(await nodeVersion()).toBe(before);
    stop.abort();
    await watching;
  });

  it('when the kind CpuProfile is deleted, and the profiles with it', async () => {
    const definition = `${CPU_PROFILES.plural}.${CPU_PROFILES.group}`;
    // A finalizer on another profile keeps the kind in the state of being deleted: the API server still serves it,
    // and answers with the NotFound of an object that somebody has deleted.
    const blocker = await client.get<KubeObject>(CPU_PROFILES, PROFILE);
    const held = { ...blocker, metadata: { name: 'blocker', finalizers: ['test.example/hold'] } };
    await client.create(CPU_PROFILES, held);
    await vi.waitFor(
      async () => expect(await labelsOf(client, NODE)).toHaveProperty([profileLabel('blocker')], 'true'),
      soon,
    );
    const before = await nodeVersion();
    await client.delete(CUSTOM_RESOURCE_DEFINITIONS, definition);
    await vi.waitFor(
      () =>
        expect(client.get(CPU_PROFILES, PROFILE)).rejects.toMatchObject({
          body: { details: { name: PROFILE } },
        }),
      soon,
    );
    expect(
      (await client.get<KubeObject>(CUSTOM_RESOURCE_DEFINITIONS, definition)).metadata.deletionTimestamp,
    ).toBeDefined();
    expect(await confirmGone(client, [PROFILE])).toMatchObject({
      gone: new Set(),
      doubt: expect.stringContaining('being deleted') as string,
    });
    await vi.waitFor(async () => {
      const { status } = await nodeCpuOf(client, NODE);
      const { reason, message } = status?.conditions?.find(({ type }) => type === 'Labelled') ?? {};
      expect({ reason, message }).toEqual({
        reason: 'ProfilesUnconfirmed',
        message: expect.stringContaining(PROFILE) as string,
      });
    }, soon);
    await moreProbes(2);
    expect(await nodeVersion()).toBe(before);

    const stuck = await client.get<KubeObject>(CPU_PROFILES, 'blocker');
    await client.replace(CPU_PROFILES, { ...stuck, metadata: { ...stuck.metadata, finalizers: [] } });
    await vi.waitFor(() => expect(client.list(CPU_PROFILES)).rejects.toMatchObject({ status: 404 }), soon);
    expect(await confirmGone(client, [PROFILE])).toMatchObject({ gone: new Set(), error: { status: 404 } });
    await moreProbes(2);
    expect(await nodeVersion()).toBe(before);
  });

  it('when every kind is deleted', async () => {
    const before = await nodeVersion();
    for (const name of [NODE_CPUS, { plural: 'cpusnapshots', group: NODE_CPUS.group }]) {
      await client.delete(CUSTOM_RESOURCE_DEFINITIONS, `${name.plural}.${name.group}`);
    }
    await vi.waitFor(() => expect(client.list(NODE_CPUS)).rejects.toMatchObject({ status: 404 }), soon);
    await moreProbes(2);
    expect(await nodeVersion()).toBe(before);
    expect(agent.agent.notReady()).toBeUndefined();
  });
});
