/** What the agent does with what it knows: labels for the Node, status of the NodeCpu, Events. Pure. */
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import { decideConditions } from './conditions.ts';
import { labelEvents, statusEvents, type AgentEvent } from './events.ts';
import { decideHistory } from './history.ts';
import type { Input } from './input.ts';
import { decideLabels, type LabelDecision } from './labels.ts';
import { withObservedAt } from './status.ts';
import { decideVerdicts } from './verdicts.ts';

export interface Decision {
  readonly labels: LabelDecision;
  /** The whole status; `sameStatus` says whether it is worth a write. */
  readonly status: NodeCpuStatus;
  /** Profiles whose label stays against the verdict. */
  readonly held: readonly string[];
  readonly labelEvents: readonly AgentEvent[];
  readonly statusEvents: readonly AgentEvent[];
}

/** One round. What a failed probe does not know (snapshot, provenance, verdicts) stays as it was. */
export function decide(input: Input): Decision {
  const { probe, previous } = input;
  const labels = decideLabels(input);
  const verdicts = decideVerdicts(input);
  const snapshot = probe.good ? probe.snapshot : previous?.snapshot;
  const provenance = probe.good ? probe.provenance : previous?.provenance;
  const history = probe.good
    ? decideHistory(previous?.history ?? [], probe.snapshot, probe.provenance, input.now)
    : previous?.history;
  const status: NodeCpuStatus = {
    ...(snapshot !== undefined && { snapshot }),
    ...(provenance !== undefined && { provenance }),
    verdicts: [...verdicts.shown],
    ...(history !== undefined && { history }),
    conditions: decideConditions(input, verdicts, labels.foreign),
  };
  return {
    labels,
    status: withObservedAt(status, previous, probe),
    held: verdicts.held,
    labelEvents: labelEvents(labels),
    statusEvents: statusEvents(input, verdicts),
  };
}
