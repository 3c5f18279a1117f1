/**
 * The main job on real parts: the bundles of operator and agent as processes, this machine's /dev/kvm, an API server
 * of their own. Then each is killed in turn, and nothing may change.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMapName, CPU_PROFILES, DIGEST_ANNOTATION, NODE_CPUS, profileLabel } from '../../crds/kinds.ts';
import type { CpuProfileStatus } from '../../crds/cpu-profile.ts';
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import { createNode } from '../../demo/nodes.ts';
import { Programs } from '../../demo/programs.ts';
import { until } from '../../demo/show.ts';
import { createClient } from '../../kube/client.ts';
import { loadConfig } from '../../kube/config.ts';
import { CONFIG_MAPS, NODES, type ConfigMap } from '../../kube/core.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { ApiClient, KubeObject, Resource } from '../../kube/types.ts';
import { freePorts } from '../control-plane/ports.ts';
import { startControlPlane, type ControlPlane } from '../control-plane/start.ts';

const NODE = 'this-machine';
const PROFILE = 'this-machine-v1';
const CONFIG_MAP = configMapName(PROFILE);

type CpuProfile = KubeObject & { status?: CpuProfileStatus };
type NodeCpu = KubeObject & { status?: NodeCpuStatus };

describe.skipIf(!existsSync('/dev/kvm'))('kubectl apply a CpuProfile, on this machine', () => {
  let plane: ControlPlane;
  let client: ApiClient & { close(): void };
  let programs: Programs;
  const flags: Record<string, string[]> = {};
  const ports: Record<string, number> = {};

  beforeAll(async () => {
    plane = await startControlPlane({ crds: true });
    client = createClient(await loadConfig({ env: {}, kubeconfig: plane.kubeconfig }));
    programs = new Programs(plane.directory);
    const [operator = 0, agent = 0] = await freePorts(2);
    Object.assign(ports, { operator, agent });
    const common = [`--kubeconfig=${plane.kubeconfig}`, '--log-level=debug'];
    flags['operator'] = [...common, '--namespace=default', `--listen=127.0.0.1:${String(operator)}`];
    flags['agent'] = [...common, `--node-name=${NODE}`, `--listen=127.0.0.1:${String(agent)}`];
    await createNode(client, NODE, {});
    await plane.kubectl(['create', 'namespace', 'vms']);
    await plane.kubectl(['label', 'namespace', 'vms', 'cpuprofiles.dev/delivery=enabled']);
    const manifest = execFileSync(process.execPath, [join('dist', 'cpuprofile.mjs'), 'generate', PROFILE], {
      encoding: 'utf8',
    });
    const applied = await plane.kubectl(['apply', '-f', '-'], manifest);
    expect(applied).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await programs.stop();
    client.close();
    await plane.stop();
  });

  const start = (program: 'operator' | 'agent'): void => {
    programs.start(program, flags[program] ?? []);
  };
  const read = async <T extends KubeObject>(
    resource: Resource,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> =>
    await client.get<T>(resource, name, namespace).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  const ready = async (program: string): Promise<void> => {
    await until(`${program} to be ready`, async () => {
      const answer = await fetch(`http://127.0.0.1:${String(ports[program])}/readyz`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    });
  };

  test('the node gets its label and the namespace its ConfigMap', async () => {
    start('operator');
    start('agent');
    const node = await until('the label', async () => {
      const object = await read(NODES, NODE);
      return object?.metadata.labels?.[profileLabel(PROFILE)] === 'true' ? object : undefined;
    });
    expect(node.metadata.labels).toMatchObject({
      'cpuprofiles.dev/vendor': expect.stringMatching(/^(amd|intel)$/) as string,
    });
    const configMap = await until(
      'the ConfigMap',
      async () => await read<ConfigMap & { immutable?: boolean }>(CONFIG_MAPS, CONFIG_MAP, 'vms'),
    );
    expect(configMap.immutable).toBe(true);
    expect(Object.keys(configMap.data ?? {}).toSorted()).toContain('profile.json');
    const profile = await until('the counts', async () => {
      const object = await read<CpuProfile>(CPU_PROFILES, PROFILE);
      return object?.status?.nodes?.compatible === 1 && object.status.configMaps === 1 ? object : undefined;
    });
    expect(profile.status?.digest).toBe(configMap.metadata.annotations?.[DIGEST_ANNOTATION]);
    expect(profile.status?.conditions?.map(({ type, status }) => [type, status])).toEqual(
      expect.arrayContaining([
        ['Accepted', 'True'],
        ['Delivered', 'True'],
        ['Ready', 'True'],
      ]),
    );
    const nodeCpu = await read<NodeCpu>(NODE_CPUS, NODE);
    expect(nodeCpu?.status?.verdicts).toMatchObject([{ profile: PROFILE, compatible: 'Yes', proven: false }]);
    expect(nodeCpu?.metadata.ownerReferences).toMatchObject([
      { kind: 'Node', name: NODE, uid: node.metadata.uid },
    ]);
  });

  describe('killed in turn and started again', () => {
    /** Node and ConfigMap as they stand; a write of any kind would raise the resourceVersion. */
    const versions = async (): Promise<(string | undefined)[]> => {
      const [node, configMap] = [await read(NODES, NODE), await read(CONFIG_MAPS, CONFIG_MAP, 'vms')];
      return [node?.metadata.resourceVersion, configMap?.metadata.resourceVersion, configMap?.metadata.uid];
    };
    /** Changes of the Node that a watch shows while `disturb` runs. */
    const watched = async (disturb: () => Promise<void>): Promise<string[]> => {
      const { resourceVersion } = await client.list(NODES, { fieldSelector: `metadata.name=${NODE}` });
      const abort = new AbortController();
      const events: string[] = [];
      const watching = (async () => {
        const options = {
          resourceVersion,
          fieldSelector: `metadata.name=${NODE}`,
          timeoutSeconds: 300,
          signal: abort.signal,
        };
        for await (const event of client.watch(NODES, options))
          if (event.type !== 'BOOKMARK') events.push(event.type);
      })();
      await disturb();
      abort.abort();
      await watching.catch(() => undefined);
      return events;
    };

    test.each(['agent', 'operator'] as const)('the %s, with SIGKILL and with SIGTERM', async (program) => {
      const before = await versions();
      const events = await watched(async () => {
        for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
          await programs.end(program, signal);
          start(program);
          await ready(program);
        }
      });
      expect(events).toEqual([]);
      expect(await versions()).toEqual(before);
    });

    test('the API server: what follows is done by the programs that lived through it', async () => {
      const before = await versions();
      await plane.killApiServer();
      await plane.startApiServer();
      // They have noticed it and work again when something new is answered.
      await plane.kubectl(['create', 'namespace', 'more']);
      await plane.kubectl(['label', 'namespace', 'more', 'cpuprofiles.dev/delivery=enabled']);
      await until(
        'the ConfigMap in the new namespace',
        async () => await read(CONFIG_MAPS, CONFIG_MAP, 'more'),
      );
      const second = execFileSync(process.execPath, [join('dist', 'cpuprofile.mjs'), 'generate', 'second'], {
        encoding: 'utf8',
      });
      expect(await versions()).toEqual(before);
      await plane.kubectl(['apply', '-f', '-'], second);
      const node = await until('the second label', async () => {
        const object = await read(NODES, NODE);
        return object?.metadata.labels?.[profileLabel('second')] === 'true' ? object : undefined;
      });
      expect(node.metadata.labels?.[profileLabel(PROFILE)]).toBe('true');
    });
  });

  test('the profile deleted: the label goes, the ConfigMaps go', async () => {
    await plane.kubectl(['delete', 'cpuprofile', PROFILE]);
    await until('the label to go', async () => {
      const node = await read(NODES, NODE);
      return node?.metadata.labels?.[profileLabel(PROFILE)] === undefined ? true : undefined;
    });
    await until('the ConfigMap to go', async () =>
      (await read(CONFIG_MAPS, CONFIG_MAP, 'vms')) === undefined ? true : undefined,
    );
    expect((await read(NODES, NODE))?.metadata.labels?.[profileLabel('second')]).toBe('true');
  });
});
