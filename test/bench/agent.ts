/** What the agent costs a node: its bundle against a real API server and the real /dev/kvm. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane, type ControlPlane } from '../control-plane/start.ts';
import type { Figure } from './figure.ts';
import { cpuMilliseconds, memory } from './process-status.ts';

const AGENT = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');
const NODE = 'bench-node';
/** As the chart sets it. */
const ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };
const PROFILES = ['skylake', 'cascade-lake', 'sapphire-rapids'];
const READY_WITHIN_MS = 20_000;
/** V8 collects once more about ten seconds after the last of the work. */
const SETTLE_MS = 15_000;
const QUIET_MS = 10_000;

/** Figures of one run. Throws when the agent does not get ready, or the bundle has not been built. */
export async function benchAgent(): Promise<Figure[]> {
  if (!existsSync(AGENT)) throw new Error(`${AGENT} is missing: run npm run build`);
  const plane = await startControlPlane({ crds: true });
  try {
    await prepare(plane);
    const agent = spawn(process.execPath, [AGENT], {
      env: {
        ...process.env,
        ...ENVIRONMENT,
        NODE_NAME: NODE,
        KUBECONFIG: plane.kubeconfig,
        LISTEN: '127.0.0.1:0',
        // Longer than the bench: between probes means between probes.
        PROBE_INTERVAL: '3600',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      return await measure(agent);
    } finally {
      agent.kill('SIGKILL');
    }
  } finally {
    await plane.stop();
  }
}

async function prepare(plane: ControlPlane): Promise<void> {
  const profiles = PROFILES.map((name) => ({
    apiVersion: 'cpuprofiles.dev/v1alpha1',
    kind: 'CpuProfile',
    metadata: { name },
    spec: { vendor: 'intel', catalog: name },
  }));
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } };
  const items = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [node, ...profiles] });
  const { code, stderr } = await plane.kubectl(['apply', '--server-side', '-f', '-'], items);
  if (code !== 0) throw new Error(`the objects of the bench could not be applied: ${stderr}`);
}

async function measure(agent: ChildProcess): Promise<Figure[]> {
  const pid = agent.pid ?? NaN;
  const port = await listeningPort(agent);
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await fetch(`${url}/readyz`)).ok) {
    if (performance.now() > deadline) throw new Error(`the agent is not ready after ${READY_WITHIN_MS} ms`);
    await sleep(100);
  }
  // Somebody scrapes it, and its first rounds are over.
  const metrics = await (await fetch(`${url}/metrics`)).text();
  await sleep(SETTLE_MS);
  const before = cpuMilliseconds(pid);
  await sleep(QUIET_MS);
  const quiet = cpuMilliseconds(pid) - before;
  const { rss, anonymous } = memory(pid);
  const clean = await stopMilliseconds(agent);
  const metric = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? NaN);
  return [
    { name: 'memory, resident', value: rss, unit: 'MB', budget: 72 },
    { name: 'memory, anonymous', value: anonymous, unit: 'MB', budget: 25 },
    {
      name: 'in the kernel for one CPU, the slowest',
      value: metric('cpuprofiles_probe_ioctl_max_seconds') * 1000,
      unit: 'ms',
      budget: 1,
    },
    { name: `CPU time in ${QUIET_MS / 1000} s between probes`, value: quiet, unit: 'ms', budget: 20 },
    { name: 'SIGTERM to exit', value: clean, unit: 'ms', budget: 5_000 },
    { name: 'bundle', value: readFileSync(AGENT).length / 1e6, unit: 'MB', budget: 1.5 },
  ];
}

/** The port is in the log line that says that the agent has started. */
function listeningPort(agent: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let log = '';
    agent.stdout?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      const port = /"port":(\d+)/.exec(log)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    agent.once('exit', () => reject(new Error(`the agent ended before it listened: ${log}`)));
  });
}

async function stopMilliseconds(agent: ChildProcess): Promise<number> {
  const start = performance.now();
  const ended = once(agent, 'exit');
  agent.kill('SIGTERM');
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`the agent ended with ${String(code)} after SIGTERM`);
  return performance.now() - start;
}
