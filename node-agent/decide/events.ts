/** The Events that a round gives reason for: one for each transition, none for a state that lasts. */
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import type { Input } from './input.ts';
import type { LabelDecision } from './labels.ts';
import { nameList } from './text.ts';
import { newlyHeld, type Verdicts } from './verdicts.ts';

export interface AgentEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** To be told once the labels are on the Node. */
export function labelEvents({ added, removed }: LabelDecision): AgentEvent[] {
  const events: AgentEvent[] = [];
  if (added.length > 0) {
    events.push({ type: 'Normal', reason: 'Labelled', message: `this node can run ${nameList(added)}` });
  }
  if (removed.length > 0) {
    const message = `the CpuProfile is gone, and its label with it: ${nameList(removed)}`;
    events.push({ type: 'Normal', reason: 'LabelRemoved', message });
  }
  return events;
}

/** To be told once the status is stored: they compare with the status before, so each is told once. */
export function statusEvents(input: Input, verdicts: Verdicts): AgentEvent[] {
  const { probe, previous } = input;
  const events = newlyHeld(verdicts.shown, previous).map(({ profile, reason, message }): AgentEvent => ({
    type: 'Warning',
    reason: 'Held',
    message: `${profile} is no longer compatible (${reason}${message === undefined ? '' : `: ${message}`}); its label stays so that running VMs survive`,
  }));
  const probedBefore = conditionOf(previous, 'Probed');
  if (!probe.good) {
    if (probedBefore?.status !== 'False' || probedBefore.reason !== probe.reason) {
      events.push({ type: 'Warning', reason: probe.reason, message: probe.message });
    }
    return events;
  }
  if (probedBefore?.status === 'False') {
    events.push({ type: 'Normal', reason: 'Probed', message: 'KVM can be probed again' });
  }
  if (previous?.snapshot !== undefined && previous.snapshot !== probe.snapshot) {
    const message = `what KVM offers on this node changed from ${previous.snapshot} to ${probe.snapshot}`;
    events.push({ type: 'Warning', reason: 'SnapshotChanged', message });
  }
  if (input.snapshotConflict !== undefined && conditionOf(previous, 'SnapshotConflict') === undefined) {
    events.push({ type: 'Warning', reason: 'SnapshotConflict', message: input.snapshotConflict });
  }
  return events;
}

const conditionOf = (status: NodeCpuStatus | undefined, type: string) =>
  status?.conditions?.find((condition) => condition.type === type);
