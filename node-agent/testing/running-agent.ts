/** An agent in the test's own process, against a real API server and the real /dev/kvm. */
import { existsSync } from 'node:fs';
import { createClient } from '../../kube/client.ts';
import { systemClock } from '../../kube/clock.ts';
import { loadConfig } from '../../kube/config.ts';
import { NODES } from '../../kube/core.ts';
import { silentLogger } from '../../kube/silent-logger.ts';
import type { ApiClient, KubeObject } from '../../kube/types.ts';
import { API_VERSION, NODE_CPUS } from '../../crds/kinds.ts';
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import type { ProfileSpecWire } from '../../profiles/make/resolve.ts';
import { generate } from '../../profiles/make/generate.ts';
import { profileDataToWire } from '../../profiles/model/profile.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import { Agent } from '../agent.ts';
import { thisMachine } from '../machine.ts';
import { createMetrics, type AgentMetrics } from '../metrics.ts';
import type { Machine } from '../observer.ts';

export const DEVICE = '/dev/kvm';
export const hasKvm = existsSync(DEVICE);

export interface RunningAgent {
  readonly agent: Agent;
  readonly metrics: AgentMetrics;
  stop(): Promise<void>;
}

export interface AgentChoices {
  /** Another machine than this one, such as one that fails. */
  readonly machine?: Machine;
  /** Milliseconds between two probes; default ten minutes. */
  readonly intervalMs?: number;
}

export async function clientOf(kubeconfig: string): Promise<ApiClient & { close(): void }> {
  return createClient(await loadConfig({ env: {}, kubeconfig }));
}

/** Starts an agent for Node `nodeName` and returns at once. */
export async function startAgent(
  kubeconfig: string,
  nodeName: string,
  choices: AgentChoices = {},
): Promise<RunningAgent> {
  const client = await clientOf(kubeconfig);
  const metrics = createMetrics('test', nodeName);
  const agent = new Agent({
    client,
    nodeName,
    machine: choices.machine ?? thisMachine(DEVICE, systemClock),
    intervalMs: choices.intervalMs ?? 600_000,
    clock: systemClock,
    random: () => 0.5,
    log: silentLogger,
    metrics,
  });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  return {
    agent,
    metrics,
    stop: async () => {
      stop.abort();
      client.close();
      await running;
    },
  };
}

/** A profile that the host of `snapshot` can run. */
export function fittingSpec(name: string, snapshot: Snapshot): ProfileSpecWire {
  const { vendor, data } = generate(name, snapshot);
  return { vendor, data: profileDataToWire(data) };
}

/** The same, but it asks for an MSR that no KVM offers: the verdict is No. */
export function unfittingSpec(name: string, snapshot: Snapshot): ProfileSpecWire {
  const { vendor, data } = fittingSpec(name, snapshot);
  const requiredMsrs = [...(data?.requiredMsrs ?? []), '0xc0001fff'];
  return { vendor, data: { cpuid: [], ...data, requiredMsrs } };
}

export const profileObject = (name: string, spec: ProfileSpecWire) => ({
  apiVersion: API_VERSION,
  kind: 'CpuProfile',
  metadata: { name },
  spec,
});

export const nodeObject = (name: string) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } });

export const labelsOf = async (client: ApiClient, node: string): Promise<Record<string, string>> =>
  (await client.get<KubeObject>(NODES, node)).metadata.labels ?? {};

export const nodeCpuOf = (
  client: ApiClient,
  node: string,
): Promise<KubeObject & { status?: NodeCpuStatus }> => client.get(NODE_CPUS, node);
