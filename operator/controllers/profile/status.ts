/** The status of a CpuProfile, and the events that its changes are worth. Pure. */
import type { CpuProfileStatus } from '../../../crds/cpu-profile.ts';
import { configMapName, MANAGED_BY, MANAGED_BY_LABEL } from '../../../crds/kinds.ts';
import { clipped, counted, firstOf } from '../../sentences.ts';
import type { NodeCounts } from '../counts/verdict-index.ts';
import type { Problem } from './decide.ts';
import type { Evaluation } from './evaluate.ts';

type Condition = NonNullable<CpuProfileStatus['conditions']>[number];

/**
 * How it went in one namespace. `outdated` and `surplus` are ConfigMaps that should be replaced or removed and are
 * in use; `foreign` bears our name and is not ours; `refused` is what the API server would not take.
 */
export interface Outcome {
  readonly namespace: string;
  readonly result:
    'delivered' | 'kept' | 'outdated' | 'surplus' | 'removed' | 'foreign' | 'refused' | 'skipped';
  /** Who uses it, or why it was refused. */
  readonly detail?: string;
  /** A ConfigMap of ours is there although the result does not say so. */
  readonly exists?: boolean;
}

export interface StatusInput {
  readonly profile: string;
  readonly generation: number;
  readonly previous: CpuProfileStatus | undefined;
  /** RFC 3339. */
  readonly now: string;
  readonly evaluation: Evaluation;
  readonly problem: Problem | undefined;
  readonly outcomes: readonly Outcome[];
  readonly nodes: NodeCounts;
}

export interface ProfileEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** A condition that people read in `kubectl describe`: longer texts help nobody. */
const MAX_MESSAGE = 1024;
const SHOWN = 3;

type Answer = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;
const yes = (type: string, reason: string, message: string): Answer => ({
  type,
  status: 'True',
  reason,
  message,
});
const no = (type: string, reason: string, message: string): Answer => ({
  type,
  status: 'False',
  reason,
  message,
});

const namespacesOf = (outcomes: readonly Outcome[], result: Outcome['result']): string[] =>
  outcomes.filter((outcome) => outcome.result === result).map(({ namespace }) => namespace);

const withDetails = (outcomes: readonly Outcome[], result: Outcome['result']): string =>
  firstOf(
    outcomes
      .filter((outcome) => outcome.result === result)
      .map(({ namespace, detail }) => (detail === undefined ? namespace : `${namespace} (${detail})`)),
    SHOWN,
  );

const NO_NAMESPACES =
  'no namespace is selected: label one with `kubectl label namespace NAME cpuprofiles.dev/delivery=enabled`, ' +
  'or change delivery.namespaceSelector';

function delivered({ profile, problem, outcomes }: StatusInput): Answer {
  if (problem !== undefined) {
    const kept =
      outcomes.length === 0 ? '' : `; ${counted(outcomes.length, 'ConfigMap')} left as delivered before`;
    return no('Delivered', problem.reason, `${problem.message}${kept}`);
  }
  const have = namespacesOf(outcomes, 'delivered').length;
  const foreign = namespacesOf(outcomes, 'foreign');
  const refused = namespacesOf(outcomes, 'refused').length;
  const outdated = namespacesOf(outcomes, 'outdated').length;
  const selected = have + foreign.length + refused + outdated;
  const clauses = [
    `${have} of ${counted(selected, 'selected namespace')} ${have === 1 ? 'has' : 'have'} ConfigMap ${configMapName(profile)}`,
  ];
  if (foreign.length > 0) {
    clauses.push(
      `in ${firstOf(foreign, SHOWN)} another ConfigMap of that name exists (no label ${MANAGED_BY_LABEL}=${MANAGED_BY} ` +
        'and profile): delete or rename it',
    );
  }
  if (refused > 0) clauses.push(`refused by the API server: ${withDetails(outcomes, 'refused')}`);
  if (outdated > 0) clauses.push(`older content stays in ${withDetails(outcomes, 'outdated')}`);
  if (outcomes.some(({ result }) => result === 'surplus')) {
    clauses.push(`no longer selected, and kept in ${withDetails(outcomes, 'surplus')}`);
  }
  const message = clauses.join('; ');
  if (foreign.length > 0) return no('Delivered', 'ConfigMapConflict', message);
  if (refused > 0) return no('Delivered', 'ConfigMapRefused', message);
  if (outdated > 0) return no('Delivered', 'InUse', message);
  if (selected === 0) return no('Delivered', 'NoNamespaces', [NO_NAMESPACES, ...clauses.slice(1)].join('; '));
  return yes('Delivered', 'Delivered', message);
}

function ready(accepted: Answer, delivery: Answer): Answer {
  const failed = [accepted, delivery].find(({ status }) => status !== 'True');
  return failed === undefined
    ? yes('Ready', 'Ready', `accepted; ${delivery.message}`)
    : no('Ready', failed.reason, failed.message);
}

/** Keeps lastTransitionTime as long as the status stays. */
function stamped(answer: Answer, { previous, now, generation }: StatusInput): Condition {
  const before = previous?.conditions?.find(({ type }) => type === answer.type);
  return {
    ...answer,
    message: clipped(answer.message, MAX_MESSAGE),
    lastTransitionTime: before?.status === answer.status ? before.lastTransitionTime : now,
    observedGeneration: generation,
  };
}

const hasConfigMap = ({ result, exists }: Outcome): boolean =>
  exists === true || ['delivered', 'kept', 'outdated', 'surplus'].includes(result);

export function decideStatus(input: StatusInput): { status: CpuProfileStatus; events: ProfileEvent[] } {
  const { evaluation, outcomes, nodes } = input;
  const acceptance = evaluation.accepted
    ? yes('Accepted', 'Accepted', evaluation.message)
    : no('Accepted', evaluation.reason, evaluation.message);
  const delivery = delivered(input);
  const conditions = [acceptance, delivery, ready(acceptance, delivery)].map((answer) =>
    stamped(answer, input),
  );
  return {
    status: {
      ...(evaluation.accepted && { digest: evaluation.digest }),
      nodes,
      configMaps: outcomes.filter(hasConfigMap).length,
      conditions,
    },
    events: eventsFor(input.previous, conditions),
  };
}

/** Ready repeats the two others, and NotAccepted repeats Accepted: one thing gives one event. */
const eventsFor = (
  previous: CpuProfileStatus | undefined,
  conditions: readonly Condition[],
): ProfileEvent[] =>
  conditions
    .filter(({ type, reason }) => type !== 'Ready' && reason !== 'NotAccepted')
    .filter(({ type, status, reason }) => {
      const before = previous?.conditions?.find((condition) => condition.type === type);
      return before?.status !== status || before.reason !== reason;
    })
    .map(({ status, reason, message }) => ({
      type: status === 'True' ? 'Normal' : 'Warning',
      reason,
      message,
    }));

export type StatusChange = 'none' | 'counts' | 'more';

/** Whether the stored status differs from the wanted one, and whether only in the node counts. */
export function statusChange(stored: CpuProfileStatus | undefined, wanted: CpuProfileStatus): StatusChange {
  const form = (status: CpuProfileStatus | undefined): string =>
    JSON.stringify([
      status?.digest,
      status?.configMaps,
      (wanted.conditions ?? []).map(({ type }) => {
        const found = status?.conditions?.find((condition) => condition.type === type);
        return [found?.status, found?.reason, found?.message, found?.observedGeneration];
      }),
    ]);
  if (form(stored) !== form(wanted)) return 'more';
  const counts = (status: CpuProfileStatus | undefined): string =>
    JSON.stringify([
      status?.nodes?.compatible,
      status?.nodes?.incompatible,
      status?.nodes?.unknown,
      status?.nodes?.held,
    ]);
  return counts(stored) === counts(wanted) ? 'none' : 'counts';
}
