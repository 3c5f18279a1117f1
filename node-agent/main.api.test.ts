/** The program itself: flags, signals, health, metrics and exit codes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SNAPSHOT_LABEL } from '../crds/kinds.ts';
import { NODES } from '../kube/core.ts';
import { sharedControlPlane } from '../test/control-plane/inject.ts';
import { clientOf, hasKvm, labelsOf, nodeObject } from './testing/running-agent.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const NODE = 'agent-program-test';
const soon = { timeout: 20_000, interval: 100 };
const STOPS_WITHIN_MS = 5_000;

describe('the agent as a program', () => {
  let program: ChildProcess;
  let log: string;
  let stderr: string;
  let url: string;

  const start = (args: readonly string[], env: Record<string, string> = {}): void => {
    log = '';
    stderr = '';
    program = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'], ...env } });
    program.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    program.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  };
  const listening = async (): Promise<void> => {
    const port = await vi.waitFor(
      () => /"port":(\d+)/.exec(log)?.[1] ?? Promise.reject(new Error(log + stderr)),
      soon,
    );
    url = `http://127.0.0.1:${port}`;
  };
  const ended = async (): Promise<unknown> => {
    const [code] = (await once(program, 'exit')) as [number | null];
    return code;
  };
  const stop = async (): Promise<void> => {
    const began = performance.now();
    const exit = ended();
    program.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect(performance.now() - began).toBeLessThan(STOPS_WITHIN_MS);
  };
  const text = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
  const status = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status;
  afterEach(() => void program.kill('SIGKILL'));

  it('prints its version and ends', async () => {
    start(['--version']);
    expect(await ended()).toBe(0);
    expect(log.trim()).toMatch(/^(\d+\.\d+\.\d+|development)$/);
  });
  it('ends with 2 and one line for wrong usage, and with 1 for a kubeconfig that is not there', async () => {
    start([]);
    expect(await ended()).toBe(2);
    expect(stderr).toMatch(/^agent: --node-name.*\n$/);
    start(['--node-name', NODE, '--kubeconfig', '/nowhere/kubeconfig', '--listen', '127.0.0.1:0']);
    expect(await ended()).toBe(1);
    expect(stderr).toMatch(/^agent: .*\/nowhere\/kubeconfig.*\n$/);
  });

  describe.skipIf(!hasKvm)('with the real /dev/kvm', () => {
    const { kubeconfig } = sharedControlPlane();
    const flags = ['--node-name', NODE, '--listen', '127.0.0.1:0', '--probe-interval', '3600'];
    beforeEach(async () => {
      const client = await clientOf(kubeconfig);
      await client.delete(NODES, NODE).catch(() => undefined);
      await client.create(NODES, nodeObject(NODE));
      client.close();
    });

    it('gets ready, labels, probes again on SIGHUP, and leaves the labels when it is stopped', async () => {
      start(flags, { KUBECONFIG: kubeconfig });
      await listening();
      await vi.waitFor(async () => expect(await status('/readyz')).toBe(200), soon);
      expect(await status('/healthz')).toBe(200);
      const client = await clientOf(kubeconfig);
      await vi.waitFor(
        async () => expect(await labelsOf(client, NODE)).toHaveProperty([SNAPSHOT_LABEL]),
        soon,
      );
      expect(await text('/metrics')).toContain('cpuprofiles_probes_total{result="ok"} 1');
      program.kill('SIGHUP');
      await vi.waitFor(
        async () => expect(await text('/metrics')).toContain('probes_total{result="ok"} 2'),
        soon,
      );
      const labels = await labelsOf(client, NODE);
      await stop();
      expect(await labelsOf(client, NODE)).toEqual(labels);
      client.close();
      for (const line of log.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('message');
    });

    it('waits, well but not ready, for an API server that does not answer, and stops in time', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'agent-test-'));
      const file = join(directory, 'kubeconfig');
      // Port 9 of this machine: nobody listens there.
      const unreachable = (await readFile(kubeconfig, 'utf8')).replace(/127\.0\.0\.1:\d+/, '127.0.0.1:9');
      await writeFile(file, unreachable);
      start([...flags, '--kubeconfig', file]);
      await listening();
      await vi.waitFor(
        async () => expect(await text('/metrics')).toMatch(/reconcile_errors_total [1-9]/),
        soon,
      );
      expect(await status('/healthz')).toBe(200);
      expect(await status('/readyz')).toBe(503);
      await stop();
      await rm(directory, { recursive: true });
    });

    it('without a device is ready, and shows the reason', async () => {
      start([...flags, '--device', '/dev/no-such-kvm'], { KUBECONFIG: kubeconfig });
      await listening();
      await vi.waitFor(async () => expect(await status('/readyz')).toBe(200), soon);
      expect(await text('/metrics')).toContain('cpuprofiles_probes_total{result="DeviceMissing"} 1');
      await stop();
    });
  });
});
