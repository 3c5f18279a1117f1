/** The agent's metrics, prefix `cpuprofiles_`. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { ProbeMetrics } from './observer.ts';
import type { RoundMetrics } from './provided.ts';

export interface AgentMetrics extends ProbeMetrics, RoundMetrics {
  readonly registry: Registry;
}

/** Metrics of their own registry, every series there from the start so that a rate over it works. */
export function createMetrics(version: string, node: string): AgentMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name: `cpuprofiles_${name}`, help, labelNames, registers });
  const counter = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `cpuprofiles_${name}`, help, labelNames, registers });

  const info = gauge('build_info', 'Always 1; the version of the agent and its node', ['version', 'node']);
  info.set({ version, node }, 1);
  const duration = gauge('probe_ioctl_seconds', 'Time in the kernel for the CPU probed last');
  const slowest = gauge('probe_ioctl_max_seconds', 'Longest time in the kernel for one CPU');
  const cpus = counter('probed_cpus_total', 'CPUs probed, each time counted');
  const probes = counter('probes_total', 'Probes by result: ok or the reason of the failure', ['result']);
  probes.inc({ result: 'ok' }, 0);
  const labels = gauge('node_labels', 'Profile labels on the node');
  const held = gauge('node_labels_held', 'Profile labels that stay although the verdict is not Yes');
  const verdicts = gauge('node_verdicts', 'Verdicts of the node', ['compatible']);
  const changes = counter('node_label_changes_total', 'Profile labels that the agent wrote', ['change']);
  for (const change of ['added', 'removed'] as const) changes.inc({ change }, 0);
  const errors = counter('reconcile_errors_total', 'Rounds that failed and are tried again');

  let longest = 0;
  return {
    registry,
    cpuProbed(milliseconds) {
      longest = Math.max(longest, milliseconds);
      duration.set(milliseconds / 1000);
      slowest.set(longest / 1000);
      cpus.inc();
    },
    probed: (result) => probes.inc({ result }),
    state(labelCount, list, heldCount) {
      labels.set(labelCount);
      held.set(heldCount);
      for (const compatible of ['Yes', 'No', 'Unknown'] as const) {
        verdicts.set({ compatible }, list.filter((verdict) => verdict.compatible === compatible).length);
      }
    },
    labelsChanged(added, removed) {
      changes.inc({ change: 'added' }, added);
      changes.inc({ change: 'removed' }, removed);
    },
    reconcileFailed: () => errors.inc(),
  };
}
