/** Recorded hosts as further nodes: the agent's own code, asked by a recording instead of /dev/kvm. */
import { systemClock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import type { ApiClient } from '../kube/types.ts';
import { Agent } from '../node-agent/agent.ts';
import { createMetrics } from '../node-agent/metrics.ts';
import type { Machine } from '../node-agent/observer.ts';
import { recordedHosts, type RecordedHost } from '../test/hosts/recorded-hosts.ts';

export interface RecordedNode {
  readonly node: string;
  readonly host: RecordedHost;
  /** What was recorded and how: goes onto the Node, so that nobody takes it for a machine. */
  readonly annotations: Record<string, string>;
}

/** The nodes to show, by name and the file in test/hosts. Throws when there is no such recording. */
export function recordedNodes(files: Readonly<Record<string, string>>): RecordedNode[] {
  const hosts = recordedHosts();
  return Object.entries(files).map(([node, file]) => {
    const host = hosts.find((each) => each.file === file);
    if (host === undefined) throw new Error(`no recorded host test/hosts/${file}.json`);
    return { node, host, annotations: { 'recorded.cpuprofiles.dev/how': host.how } };
  });
}

/** Runs the agent of one recorded host until `signal` aborts. */
export async function runRecorded(
  client: ApiClient,
  { node, host }: RecordedNode,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { snapshot } = host;
  // Marked where people look: kubectl get nodecpus shows the processor.
  const provenance = { ...host.provenance, cpu: `recorded: ${host.provenance.cpu}`.slice(0, 128) };
  const machine: Machine = {
    everyCpu: () => Promise.resolve({ snapshot, cpus: [{ cpu: 0, ioctlMilliseconds: 0 }] }),
    oneCpu: () => Promise.resolve({ snapshot, cpu: 0, ioctlMilliseconds: 0 }),
    provenance: () => Promise.resolve(provenance),
  };
  const agent = new Agent({
    client,
    nodeName: node,
    machine,
    intervalMs: 600_000,
    clock: systemClock,
    random: Math.random,
    log,
    metrics: createMetrics('demo', node),
  });
  await agent.run(signal);
}
