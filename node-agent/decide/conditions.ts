/** The conditions of a NodeCpu: what a person reads first when a label is not what they expect. */
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import { rfc3339 } from '../../kube/conditions.ts';
import type { Input } from './input.ts';
import { cutToBytes, nameList } from './text.ts';
import { MAX_VERDICTS, type Verdicts } from './verdicts.ts';

export type NodeCpuCondition = NonNullable<NodeCpuStatus['conditions']>[number];
type Draft = Pick<NodeCpuCondition, 'type' | 'status' | 'reason' | 'message'>;

/** The condition types that the agent writes; others on the object are somebody else's. */
export const OWN_CONDITIONS = ['Probed', 'Labelled', 'SnapshotConflict', 'VerdictsTruncated'] as const;

const MAX_MESSAGE_BYTES = 1024;

/** Conditions after this round. SnapshotConflict and VerdictsTruncated are there only while they are true. */
export function decideConditions(
  input: Input,
  verdicts: Verdicts,
  foreign: readonly string[],
): NodeCpuCondition[] {
  const { snapshotConflict } = input;
  const drafts: Draft[] = [probed(input), labelled(input, verdicts, foreign)];
  if (snapshotConflict !== undefined) {
    drafts.push({
      type: 'SnapshotConflict',
      status: 'True',
      reason: 'ContentDiffers',
      message: `${snapshotConflict}; this node's own probe is trusted`,
    });
  }
  if (verdicts.total > verdicts.shown.length) {
    drafts.push({
      type: 'VerdictsTruncated',
      status: 'True',
      reason: 'TooManyProfiles',
      message: `${verdicts.total} profiles: only ${MAX_VERDICTS} verdicts are shown, the labels follow all`,
    });
  }
  return drafts.map((draft) => settle(draft, input.previous, input.now));
}

/** The same conditions with Labelled replaced: the API server did not take the labels. */
export function labelsNotWritten(
  conditions: readonly NodeCpuCondition[],
  message: string,
  previous: NodeCpuStatus | undefined,
  now: Date,
): NodeCpuCondition[] {
  const draft: Draft = { type: 'Labelled', status: 'False', reason: 'LabelsNotWritten', message };
  return conditions.map((condition) =>
    condition.type === 'Labelled' ? settle(draft, previous, now) : condition,
  );
}

function probed({ probe }: Input): Draft {
  const type = 'Probed';
  if (!probe.good) return { type, status: 'False', reason: probe.reason, message: probe.message };
  return {
    type,
    status: 'True',
    reason: 'Probed',
    message: `KVM on this node offers what ${probe.snapshot} says`,
  };
}

function labelled({ probe, assessments }: Input, verdicts: Verdicts, foreign: readonly string[]): Draft {
  const type = 'Labelled';
  if (verdicts.held.length > 0) {
    const message = `labels that stay although the verdict is no longer Yes, so that running VMs survive: ${nameList(verdicts.held)}`;
    return { type, status: 'False', reason: 'Held', message };
  }
  if (!probe.good) {
    const message = 'the last probe failed: labels and verdicts stay as they are until one succeeds';
    return { type, status: 'Unknown', reason: 'NotProbed', message };
  }
  if (assessments === undefined) {
    const message = 'the CpuProfiles could not be listed yet: labels and verdicts stay as they are';
    return { type, status: 'Unknown', reason: 'ProfilesNotListed', message };
  }
  if (verdicts.unconfirmed.length > 0) {
    const message = `labels of profiles that are not listed and not confirmed gone stay: ${nameList(verdicts.unconfirmed)}`;
    return { type, status: 'Unknown', reason: 'ProfilesUnconfirmed', message };
  }
  const note = `; set by somebody else for profiles that do not exist: ${nameList(foreign)}`;
  const message = `the labels say what the verdicts say${foreign.length > 0 ? note : ''}`;
  return { type, status: 'True', reason: 'Labelled', message };
}

/** lastTransitionTime moves only when the status does. */
function settle(draft: Draft, previous: NodeCpuStatus | undefined, now: Date): NodeCpuCondition {
  const last = previous?.conditions?.find((condition) => condition.type === draft.type);
  const lastTransitionTime = last?.status === draft.status ? last.lastTransitionTime : rfc3339(now);
  return { ...draft, message: cutToBytes(draft.message, MAX_MESSAGE_BYTES), lastTransitionTime };
}
