/** The helper itself: a control plane of its own, beside the shared one. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CPU_PROFILES } from '../../crds/kinds.ts';
import { kubectl as sharedKubectl, sharedControlPlane, testClient } from './inject.ts';
import { startControlPlane, type ControlPlane } from './start.ts';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const pidsIn = (directory: string): number[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.pid'))
    .map((name) => Number(readFileSync(join(directory, name), 'utf8')));

const pod = (name: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] },
  });

describe('a control plane of its own', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ controllers: true, scheduler: true });
  });
  afterAll(() => plane.stop());

  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };

  it('runs the Kubernetes that go.mod names', async () => {
    const module = readFileSync(join(import.meta.dirname, 'go', 'go.mod'), 'utf8');
    const version = /k8s\.io\/kubernetes (v\S+)/.exec(module)?.[1];
    expect(await run('version', '--output=json')).toContain(`"gitVersion": "${version ?? 'none'}"`);
  });

  it('passes exit code, output and standard input of kubectl on', async () => {
    const made = await plane.kubectl(
      ['create', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'from-stdin' } }),
    );
    expect(made).toEqual({ code: 0, stdout: 'configmap/from-stdin created\n', stderr: '' });
    const missing = await plane.kubectl(['get', 'configmap', 'missing']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('configmaps "missing" not found');
  });

  it('checks rights: a service account has none until it gets some', async () => {
    await run('create', 'serviceaccount', 'reader');
    const config = await plane.serviceAccountKubeconfig('default', 'reader');
    const mayRead = ['auth', 'can-i', 'list', 'nodes', `--kubeconfig=${config}`];
    // --kubeconfig wins over the variable that the helper sets.
    expect((await plane.kubectl(mayRead)).stdout).toBe('no\n');
    await run('create', 'clusterrole', 'reader', '--verb=list', '--resource=nodes');
    await run(
      'create',
      'clusterrolebinding',
      'reader',
      '--clusterrole=reader',
      '--serviceaccount=default:reader',
    );
    await vi.waitFor(async () => {
      expect((await plane.kubectl(mayRead)).stdout).toContain('yes');
    }, 10_000);
  });

  it('binds a token to a pod, so that the server knows the node', async () => {
    const node = JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    expect((await plane.kubectl(['create', '-f', '-'], node)).code).toBe(0);
    expect((await plane.kubectl(['create', '-f', '-'], pod('p1'))).stderr).toBe('');
    const uid = await run('get', 'pod', 'p1', '--output=jsonpath={.metadata.uid}');
    const config = await plane.serviceAccountKubeconfig('default', 'default', { name: 'p1', uid });
    const whoami = await plane.kubectl(['auth', 'whoami', '--output=json', `--kubeconfig=${config}`]);
    const status: unknown = JSON.parse(whoami.stdout);
    expect(status).toMatchObject({
      status: {
        userInfo: {
          username: 'system:serviceaccount:default:default',
          extra: { 'authentication.kubernetes.io/node-name': ['n1'] },
        },
      },
    });
  });

  it('keeps its data and its address when the API server is killed and started again', async () => {
    await run('create', 'namespace', 'kept');
    await plane.killApiServer();
    expect((await plane.kubectl(['get', 'namespace', 'kept'])).stderr).toContain('refused');
    await plane.startApiServer();
    expect(await run('get', 'namespace', 'kept', '--output=name')).toBe('namespace/kept\n');
    await plane.restartApiServer();
    expect(await run('get', 'namespace', 'kept', '--output=name')).toBe('namespace/kept\n');
  });
});

describe('what is left behind', () => {
  it('is nothing after stop, however often it is called', async () => {
    const plane = await startControlPlane();
    const pids = pidsIn(plane.directory);
    expect(pids.filter(isAlive)).toHaveLength(2);
    await plane.stop();
    await plane.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(plane.directory)).toBe(false);
  });

  it('is nothing after the process that started it is killed', async () => {
    const script = `
      const { startControlPlane } = await import(${JSON.stringify(join(import.meta.dirname, 'start.ts'))});
      console.log((await startControlPlane()).directory);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const directory = await new Promise<string>((resolve) => {
      createInterface(parent.stdout).once('line', resolve);
    });
    const pids = pidsIn(directory);
    expect(pids.filter(isAlive)).toHaveLength(2);
    parent.kill('SIGKILL');
    await vi.waitFor(() => {
      expect(pids.filter(isAlive)).toEqual([]);
      expect(existsSync(directory)).toBe(false);
    }, 10_000);
  });

  it('is one error when a server does not start, with the end of its log', async () => {
    await expect(startControlPlane({ apiServerFlags: ['--no-such-flag'] })).rejects.toThrow(
      /^kube-apiserver ended before it was ready\n[^]*unknown flag: --no-such-flag/,
    );
  });
});

describe('the shared control plane', () => {
  it('serves the CRDs', async () => {
    const { stdout } = await sharedKubectl(['api-resources', '--api-group=cpuprofiles.dev', '--output=name']);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'cpubaselines.cpuprofiles.dev',
      'cpuprofiles.cpuprofiles.dev',
      'cpusnapshots.cpuprofiles.dev',
      'nodecpus.cpuprofiles.dev',
    ]);
    expect(sharedControlPlane().url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });

  it("answers the project's own client", async () => {
    const client = await testClient();
    try {
      const page = await client.list(CPU_PROFILES, { limit: 1 });
      expect(page.resourceVersion).toMatch(/^\d+$/);
    } finally {
      client.close();
    }
  });
});
