/** One round of the agent: gather what there is, decide, apply what differs. Reads top to bottom. */
import type { NodeCpuStatus } from '../crds/node-cpu.ts';
import type { Clock } from '../kube/clock.ts';
import { ApiError, isConflict } from '../kube/errors.ts';
import type { Logger } from '../kube/logger.ts';
import type { ApiClient } from '../kube/types.ts';
import { confirmGone } from './api/confirm-gone.ts';
import { ensureSnapshot } from './api/cpu-snapshot.ts';
import { applyStatus, ensureNodeCpu } from './api/node-cpu.ts';
import { applyLabels, readNode, type NodeRead } from './api/node.ts';
import type { Assessor } from './assess.ts';
import { labelsNotWritten } from './decide/conditions.ts';
import { decide, type Decision } from './decide/decide.ts';
import type { Input } from './decide/input.ts';
import { isLabelled, labelNames } from './decide/labels.ts';
import { sameStatus } from './decide/status.ts';
import type { Observation, Observer } from './observer.ts';
import type { EventSink, ProfileSource, RoundMetrics } from './provided.ts';

/** The Node changed between read and write: again, with what it says now. */
const CONFLICT_RETRY_MS = 250;

export interface ReconcilerOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly observer: Pick<Observer, 'latest'>;
  readonly profiles: ProfileSource;
  readonly assessor: Pick<Assessor, 'assessAll'>;
  readonly events: EventSink;
  readonly metrics: RoundMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the NodeCpu says, or that it could not be read or made. */
type Stored =
  { readonly readable: true; readonly status: NodeCpuStatus | undefined } | { readonly readable: false };

export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** The CpuSnapshot as it was found after the latest probe: not read again before the next one. */
  #checked: { readonly at: Date; readonly conflict: string | undefined } | undefined;
  #rounds = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** true once a round has gone through to its end. */
  get ready(): boolean {
    return this.#rounds > 0;
  }

  /**
   * One round. What fails does not keep the rest from being done: the error comes at the end, for the work queue to
   * try again. Throws ApiError, ConnectionError or an AggregateError of them.
   */
  async reconcile(): Promise<{ done: true } | { requeueAfterMs: number }> {
    const { client, nodeName, observer, log, metrics } = this.#options;
    const observation = observer.latest();
    if (observation === undefined) return { done: true };
    const errors: unknown[] = [];
    try {
      const node = await readNode(client, nodeName);
      if (node === undefined) {
        log.warn({}, 'there is no Node of this name: waiting for it');
        return { done: true };
      }
      const { input, stored } = await this.#gather(node, observation, errors);
      const decision = decide(input);
      const labelFailure = await this.#writeLabels(node, decision, errors);
      if (labelFailure === 'conflict') return { requeueAfterMs: CONFLICT_RETRY_MS };
      const status =
        labelFailure === undefined ? decision.status : this.#withFailure(decision, labelFailure, input);
      if (stored.readable) await this.#writeStatus(node, status, decision, input, errors);
      this.#report(node, decision, labelFailure !== undefined);
      this.#rounds += 1;
    } catch (error) {
      errors.push(error);
    }
    if (errors.length === 0) return { done: true };
    metrics.reconcileFailed();
    throw errors.length === 1
      ? errors[0]
      : new AggregateError(errors, `Node ${nodeName}: ${errors.map(String).join('; ')}`);
  }

  async #gather(
    node: NodeRead,
    { outcome, snapshot }: Observation,
    errors: unknown[],
  ): Promise<{ input: Input; stored: Stored }> {
    const { client, profiles, assessor, clock } = this.#options;
    const stored = await attempt<Stored>(
      errors,
      async () => ({ readable: true, status: await ensureNodeCpu(client, node) }),
      { readable: false },
    );
    const assessments =
      outcome.good && snapshot !== undefined && profiles.hasSynced
        ? await assessor.assessAll(profiles.values(), outcome.snapshot, snapshot)
        : undefined;
    const listed = assessments && new Set(assessments.map(({ profile }) => profile));
    const absent = listed ? labelNames(node.labels).filter((name) => !listed.has(name)) : [];
    const input: Input = {
      probe: outcome,
      assessments,
      node,
      gone: await this.#confirmGone(absent, errors),
      previous: stored.readable ? stored.status : undefined,
      snapshotConflict: await this.#checkSnapshot(outcome, snapshot, errors),
      now: clock.now(),
    };
    return { input, stored };
  }

  async #confirmGone(profiles: readonly string[], errors: unknown[]): Promise<ReadonlySet<string>> {
    const { client, log } = this.#options;
    const { gone, doubt, error } = await confirmGone(client, profiles);
    if (doubt !== undefined) {
      log.warn(
        { profiles, doubt },
        'labelled profiles are not listed but not confirmed gone: the labels stay',
      );
    }
    // A missing kind or permission will not be there a second later; a server that is down may.
    if (error !== undefined && !isRefusal(error)) errors.push(error);
    return gone;
  }

  async #checkSnapshot(
    outcome: Observation['outcome'],
    snapshot: Observation['snapshot'],
    errors: unknown[],
  ): Promise<string | undefined> {
    if (!outcome.good || snapshot === undefined) return this.#checked?.conflict;
    const { at } = outcome;
    if (this.#checked?.at !== at) {
      const check = () => ensureSnapshot(this.#options.client, outcome.snapshot, snapshot);
      const failed = Symbol('failed');
      const conflict = await attempt<string | undefined | typeof failed>(errors, check, failed);
      if (conflict !== failed) this.#checked = { at, conflict };
    }
    return this.#checked?.conflict;
  }

  /** undefined when the labels are as decided, else why not. */
  async #writeLabels(
    node: NodeRead,
    { labels, labelEvents }: Decision,
    errors: unknown[],
  ): Promise<string | undefined> {
    const { client, log, metrics, events } = this.#options;
    if (labels.write === undefined) return undefined;
    const { added, removed } = labels;
    try {
      await applyLabels(client, node, labels.write);
    } catch (error) {
      if (isConflict(error)) return 'conflict';
      errors.push(error);
      // An answer of the server is worth a condition; no answer would not let a status through either.
      return error instanceof ApiError ? error.message : 'the API server does not answer';
    }
    log.info({ added, removed }, 'labels written');
    metrics.labelsChanged(added.length, removed.length);
    for (const event of labelEvents) events.record(node, event);
    return undefined;
  }

  #withFailure({ status }: Decision, failure: string, { previous, now }: Input): NodeCpuStatus {
    return { ...status, conditions: labelsNotWritten(status.conditions ?? [], failure, previous, now) };
  }

  async #writeStatus(
    node: NodeRead,
    status: NodeCpuStatus,
    { statusEvents }: Decision,
    { previous }: Input,
    errors: unknown[],
  ): Promise<void> {
    const { client, events } = this.#options;
    if (sameStatus(status, previous)) return;
    const write = async (): Promise<boolean> => {
      await applyStatus(client, node.name, status);
      return true;
    };
    if (!(await attempt(errors, write, false))) return;
    for (const event of statusEvents) events.record(node, event);
  }

  #report(node: NodeRead, { labels, status, held }: Decision, failed: boolean): void {
    const now = failed ? node.labels : (labels.write ?? node.labels);
    const view = { ...node, labels: now };
    const count = labelNames(now).filter((name) => isLabelled(view, name)).length;
    this.#options.metrics.state(count, status.verdicts ?? [], held.length);
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 403 || error.status === 404);

async function attempt<T>(errors: unknown[], work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    errors.push(error);
    return otherwise;
  }
}
