/** The chart with real Helm against an API server of its own; the programs run under exactly the rights it grants. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMapName, CPU_PROFILES, NODE_CPUS, profileLabel } from '../../crds/kinds.ts';
import type { CpuProfileStatus } from '../../crds/cpu-profile.ts';
import { createNode } from '../../demo/nodes.ts';
import { Programs } from '../../demo/programs.ts';
import { until } from '../../demo/show.ts';
import { createClient } from '../../kube/client.ts';
import { loadConfig } from '../../kube/config.ts';
import { CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, NODES, PODS } from '../../kube/core.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { ApiClient, KubeObject, Resource } from '../../kube/types.ts';
import { freePorts } from '../control-plane/ports.ts';
import { startControlPlane, type ControlPlane } from '../control-plane/start.ts';
import { findHelm } from '../control-plane/helm.ts';

const CHART = join('charts', 'cpu-profile-operator');
const NAMESPACE = 'cpu-profiles';
const RELEASE = 'cpo';
const PROFILE = 'this-machine-v1';

let plane: ControlPlane;
let client: ApiClient & { close(): void };
let binary = '';

function helm(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const home = join(plane.directory, 'helm');
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    KUBECONFIG: plane.kubeconfig,
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
  };
  const { status, stdout, stderr } = spawnSync(binary, [...args, '--namespace', NAMESPACE], {
    env,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}
const read = async <T extends KubeObject>(
  resource: Resource,
  name: string,
  namespace?: string,
): Promise<T | undefined> =>
  await client.get<T>(resource, name, namespace).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });

beforeAll(async () => {
  binary = await findHelm();
  plane = await startControlPlane({ controllers: true });
  client = createClient(await loadConfig({ env: {}, kubeconfig: plane.kubeconfig }));
});
afterAll(async () => {
  client.close();
  await plane.stop();
});

describe('values.schema.json', () => {
  test.each([
    ['kvm.access=hostPath', "value must be one of 'resource', 'privileged'"],
    ['operator.replicas=0', '/operator/replicas'],
    ['agent.probeIntervalSeconds=1', '/agent/probeIntervalSeconds'],
    ['image.digest=latest', '/image/digest'],
    ['surprise=1', 'surprise'],
  ])('refuses %s', (value, message) => {
    const result = helm('template', RELEASE, CHART, '--set', value);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain(message);
  });
});

describe('install, upgrade, uninstall', () => {
  test('an install serves the CRDs and makes Deployment, DaemonSet and rights', async () => {
    const result = helm('install', RELEASE, CHART, '--create-namespace');
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('cpuprofiles.dev/delivery=enabled');
    const { stdout } = await plane.kubectl([
      'get',
      'deployments,daemonsets,poddisruptionbudgets',
      '-n',
      NAMESPACE,
      '-o',
      'name',
    ]);
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      'daemonset.apps/cpo-agent',
      'deployment.apps/cpo-operator',
      'poddisruptionbudget.policy/cpo-operator',
    ]);
    const established = await plane.kubectl([
      'wait',
      '--for=condition=Established',
      'crd/cpuprofiles.cpuprofiles.dev',
      '--timeout=20s',
    ]);
    expect(established.code).toBe(0);
  });

  test.skipIf(!existsSync('/dev/kvm'))(
    'operator and agent do their work under the rights of the chart, with tokens bound to their pods',
    async () => {
      const programs = new Programs(plane.directory);
      try {
        await createNode(client, 'this-machine', {});
        const kubeconfig: Record<string, string> = {};
        for (const component of ['operator', 'agent']) {
          const account = `${RELEASE}-${component}`;
          const pod = await client.create<KubeObject & { spec: object }>(
            PODS,
            {
              metadata: { name: `${component}-0`, namespace: NAMESPACE },
              spec: {
                serviceAccountName: account,
                nodeName: 'this-machine',
                containers: [{ name: 'x', image: 'x' }],
              },
            },
            { namespace: NAMESPACE },
          );
          const { name, uid = '' } = pod.metadata;
          kubeconfig[component] = await plane.serviceAccountKubeconfig(NAMESPACE, account, { name, uid });
        }
        const [operatorPort = 0, agentPort = 0] = await freePorts(2);
        const operatorLog = programs.start('operator', [
          `--kubeconfig=${kubeconfig['operator'] ?? ''}`,
          `--namespace=${NAMESPACE}`,
          `--listen=127.0.0.1:${String(operatorPort)}`,
        ]);
        const agentLog = programs.start('agent', [
          `--kubeconfig=${kubeconfig['agent'] ?? ''}`,
          '--node-name=this-machine',
          `--listen=127.0.0.1:${String(agentPort)}`,
        ]);
        await plane.kubectl(['create', 'namespace', 'vms']);
        await plane.kubectl(['label', 'namespace', 'vms', 'cpuprofiles.dev/delivery=enabled']);
        const manifest = execFileSync(
          process.execPath,
          [join('dist', 'cpuprofile.mjs'), 'generate', PROFILE],
          { encoding: 'utf8' },
        );
        expect(await plane.kubectl(['apply', '-f', '-'], manifest)).toMatchObject({ code: 0 });
        await until('label, ConfigMap and counts', async () => {
          const node = await read(NODES, 'this-machine');
          const profile = await read<KubeObject & { status?: CpuProfileStatus }>(CPU_PROFILES, PROFILE);
          const delivered = await read(CONFIG_MAPS, configMapName(PROFILE), 'vms');
          return node?.metadata.labels?.[profileLabel(PROFILE)] === 'true' &&
            profile?.status?.nodes?.compatible === 1 &&
            delivered !== undefined
            ? true
            : undefined;
        });
        const events = await plane.kubectl([
          'get',
          'events',
          '-A',
          '-o',
          'jsonpath={range .items[*]}{.involvedObject.kind}/{.reason} {end}',
        ]);
        expect(events.stdout).toContain('CpuProfile/');
        for (const log of [operatorLog, agentLog]) {
          expect(readFileSync(log, 'utf8')).not.toMatch(/forbidden|Forbidden/);
        }
      } finally {
        await programs.stop();
      }
    },
  );

  test('what the rights do not allow: no secrets, no pods written, no node deleted, no profile changed', async () => {
    for (const [account, verb, resource] of [
      ['agent', 'get', 'secrets'],
      ['agent', 'create', 'pods'],
      ['agent', 'delete', 'nodes'],
      ['agent', 'update', 'cpusnapshots.cpuprofiles.dev'],
      ['agent', 'delete', 'cpusnapshots.cpuprofiles.dev'],
      ['agent', 'patch', 'cpuprofiles.cpuprofiles.dev'],
      ['operator', 'get', 'secrets'],
      ['operator', 'patch', 'nodes'],
      ['operator', 'delete', 'pods'],
      ['operator', 'update', 'configmaps'],
      ['operator', 'delete', 'cpuprofiles.cpuprofiles.dev'],
    ]) {
      const answer = await plane.kubectl([
        'auth',
        'can-i',
        verb ?? '',
        resource ?? '',
        '-A',
        `--as=system:serviceaccount:${NAMESPACE}:${RELEASE}-${account ?? ''}`,
      ]);
      expect(`${account ?? ''} ${verb ?? ''} ${resource ?? ''}: ${answer.stdout.trim()}`).toBe(
        `${account ?? ''} ${verb ?? ''} ${resource ?? ''}: no`,
      );
    }
  });

  test('an upgrade changes what it says and keeps profiles and labels', async () => {
    const before = await read(CPU_PROFILES, PROFILE);
    expect(
      helm('upgrade', RELEASE, CHART, '--set', 'kvm.access=resource', '--set', 'operator.replicas=3'),
    ).toMatchObject({ code: 0 });
    const { stdout } = await plane.kubectl([
      'get',
      'daemonset',
      'cpo-agent',
      '-n',
      NAMESPACE,
      '-o',
      'jsonpath={.spec.template.spec.containers[0].resources.limits}',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ 'devices.kubevirt.io/kvm': '1' });
    expect((await read(CPU_PROFILES, PROFILE))?.metadata.uid).toBe(before?.metadata.uid);
  });

  test('an uninstall keeps the CRDs, the objects, the ConfigMaps and the labels', async () => {
    const labels = (await read(NODES, 'this-machine'))?.metadata.labels;
    expect(helm('uninstall', RELEASE)).toMatchObject({ code: 0 });
    expect(await read(CUSTOM_RESOURCE_DEFINITIONS, 'cpuprofiles.cpuprofiles.dev')).toBeDefined();
    const { stdout } = await plane.kubectl([
      'get',
      'deployments,daemonsets,clusterroles',
      '-A',
      '-l',
      'app.kubernetes.io/instance=cpo',
      '-o',
      'name',
    ]);
    expect(stdout).toBe('');
    if (existsSync('/dev/kvm')) {
      expect(await read(CPU_PROFILES, PROFILE)).toBeDefined();
      expect(await read(NODE_CPUS, 'this-machine')).toBeDefined();
      expect(await read(CONFIG_MAPS, configMapName(PROFILE), 'vms')).toBeDefined();
      expect((await read(NODES, 'this-machine'))?.metadata.labels).toEqual(labels);
    }
  });

  test('and a second install takes over what the first one left', () => {
    expect(helm('install', RELEASE, CHART)).toMatchObject({ code: 0 });
  });
});
