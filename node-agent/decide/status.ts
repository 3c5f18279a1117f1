/** Whether a new NodeCpu status is worth a write: a fleet of agents must not rewrite what nobody would notice. */
import { isDeepStrictEqual } from 'node:util';
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import { rfc3339 } from '../../kube/conditions.ts';
import { OWN_CONDITIONS } from './conditions.ts';
import type { ProbeOutcome } from './input.ts';

const OBSERVED_AT_MS = 3_600_000;

/**
 * The status with its `observedAt`: the time of the latest good probe whenever something else is written anyway,
 * but by itself at most hourly.
 */
export function withObservedAt(
  status: NodeCpuStatus,
  previous: NodeCpuStatus | undefined,
  probe: ProbeOutcome,
): NodeCpuStatus {
  const last = previous?.observedAt;
  const kept: NodeCpuStatus = last === undefined ? status : { ...status, observedAt: last };
  if (!probe.good) return kept;
  const recent = last !== undefined && probe.at.getTime() - Date.parse(last) < OBSERVED_AT_MS;
  return recent && sameStatus(kept, previous) ? kept : { ...status, observedAt: rfc3339(probe.at) };
}

/** true when `previous` already says what `status` says; conditions of other writers do not count. */
export function sameStatus(status: NodeCpuStatus, previous: NodeCpuStatus | undefined): boolean {
  return isDeepStrictEqual(comparable(status), comparable(previous ?? {}));
}

function comparable(status: NodeCpuStatus): unknown {
  const own: readonly string[] = OWN_CONDITIONS;
  const conditions = (status.conditions ?? [])
    .filter((condition) => own.includes(condition.type))
    .sort((left, right) => own.indexOf(left.type) - own.indexOf(right.type));
  // Through JSON: an absent list and an undefined one are the same on the wire.
  return JSON.parse(JSON.stringify({ ...status, conditions }));
}
