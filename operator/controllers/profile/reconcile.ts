/** Brings one CpuProfile to what it asks for: gather, decide, apply, and say in the status how it stands. */
import { configMapName } from '../../../crds/kinds.ts';
import { rfc3339 } from '../../../kube/conditions.ts';
import type { Clock } from '../../../kube/clock.ts';
import type { ApiClient } from '../../../kube/types.ts';
import { CONFIG_MAPS } from '../../../kube/core.ts';
import type { VerdictIndex } from '../counts/verdict-index.ts';
import { type Action, decideDelivery, decideRemoval, type Desired, type Place } from './decide.ts';
import { perform } from './deliver.ts';
import { Evaluations } from './evaluations.ts';
import { Holds } from './holds.ts';
import type { ConfigMapView, NamespaceView, ProfileView } from './views.ts';
import { type Existence, profileExists } from './existence.ts';
import { decideStatus, type Outcome } from './status.ts';
import { StatusWriter } from './status-writer.ts';
import type { EventRecorder } from '../../../kube/events.ts';
import type { Logger } from '../../../kube/logger.ts';
import type { Outcome as QueueOutcome } from '../../../kube/workqueue.ts';

/** What a reflector offers to those who read it. */
export interface Store<T> {
  get(key: string): T | undefined;
  values(): Iterable<T>;
}

export interface ProfileCaches {
  readonly profiles: Store<ProfileView>;
  readonly namespaces: Store<NamespaceView>;
  /** Those labelled as managed by us. */
  readonly configMaps: Store<ConfigMapView>;
}

export interface ProfileReconcilerParts {
  readonly client: ApiClient;
  readonly caches: ProfileCaches;
  readonly verdicts: VerdictIndex;
  readonly clock: Clock;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly log: Logger;
  /** How long a ConfigMap that is in use, or a foreign one in our place, is left before looking again. */
  readonly recheckMs?: number;
}

const RECHECK_MS = 10_000;
/** Something changed under our hands, or the cache lags behind the server. */
const SOON_MS = 1_000;

export class ProfileReconciler {
  readonly #parts: ProfileReconcilerParts;
  readonly #evaluations: Evaluations;
  readonly #holds: Holds;
  readonly #status: StatusWriter;

  constructor(parts: ProfileReconcilerParts) {
    this.#parts = parts;
    this.#evaluations = new Evaluations(parts.clock, parts.log);
    this.#holds = new Holds(parts.recheckMs ?? RECHECK_MS);
    this.#status = new StatusWriter(parts);
  }

  /** `signal` aborts when this operator leads no longer: from then on nothing is written. */
  async reconcile(name: string, signal: AbortSignal): Promise<QueueOutcome> {
    // A turn of the event loop for each: where there is nothing to write, nothing else would wait.
    await this.#parts.clock.delay(0, signal);
    const view = this.#parts.caches.profiles.get(name);
    return view === undefined ? this.#reconcileAbsent(name, signal) : this.#reconcilePresent(view, signal);
  }

  async #reconcilePresent(view: ProfileView, signal: AbortSignal): Promise<QueueOutcome> {
    const { name, spec } = view;
    const evaluation = await this.#evaluations.of(view);
    const { wanted, actions } = decideDelivery(name, spec, evaluation, this.#places(name));
    const desired = 'reason' in wanted ? undefined : { ...wanted, files: once(wanted.files) };
    const { outcomes, again } = await this.#perform(name, actions, desired, signal);
    if (signal.aborted) return { done: true };
    const stored = this.#status.stored(view);
    const { status, events } = decideStatus({
      profile: name,
      generation: view.generation,
      previous: stored,
      now: rfc3339(this.#parts.clock.now()),
      evaluation,
      problem: 'reason' in wanted ? wanted : undefined,
      outcomes,
      nodes: this.#parts.verdicts.counts(name, evaluation.accepted ? evaluation.digest : undefined),
    });
    const laterMs = await this.#status.write(view, status, events, signal);
    return this.#next(name, again, laterMs);
  }

  async #reconcileAbsent(name: string, signal: AbortSignal): Promise<QueueOutcome> {
    const actions = decideRemoval(name, this.#places(name));
    if (actions.length === 0) {
      this.#holds.retain(name, []);
      this.#forget(name);
      return { done: true };
    }
    // The cache alone never removes anything: a list can come back empty for many reasons.
    const existence: Existence = await profileExists(this.#parts.client, name, signal);
    if (existence === 'exists') return { requeueAfterMs: SOON_MS };
    this.#forget(name);
    const { again } = await this.#perform(name, actions, undefined, signal);
    return this.#next(name, again, undefined);
  }

  /** Where the profile's ConfigMap is or could be: every namespace the cache knows. */
  #places(name: string): Place[] {
    const { namespaces, configMaps } = this.#parts.caches;
    return Array.from(namespaces.values(), (namespace) => ({
      namespace,
      configMap: configMaps.get(`${namespace.name}/${configMapName(name)}`),
    }));
  }

  async #perform(
    name: string,
    actions: readonly Action[],
    desired: Desired | undefined,
    signal: AbortSignal,
  ): Promise<{ outcomes: Outcome[]; again: boolean }> {
    const { client, clock, log } = this.#parts;
    this.#holds.retain(name, actions);
    const outcomes: Outcome[] = [];
    let again = false;
    for (const action of actions) {
      if (signal.aborted) break;
      const recalled = this.#holds.recall(name, action, clock.monotonic());
      if (recalled !== undefined) {
        outcomes.push(recalled);
        continue;
      }
      const { again: soon = false, ...outcome } = await perform(
        { client, profile: name, desired, signal },
        action,
      );
      again ||= soon;
      outcomes.push(outcome);
      const known = !soon && this.#holds.keep(name, action, outcome, clock.monotonic());
      if (action.do !== 'keep' && !known) {
        log.info({ profile: name, action: action.do, ...outcome }, 'delivery');
        if (outcome.result === 'surplus' && desired === undefined) this.#sayKept(action, outcome);
      }
    }
    return { outcomes, again };
  }

  /** The profile is gone and cannot carry a condition: the ConfigMap that stays tells why. */
  #sayKept(action: Action, outcome: Outcome): void {
    if (!('configMap' in action)) return;
    const { name, namespace, uid } = action.configMap;
    this.#parts.events.record(
      { apiVersion: 'v1', kind: CONFIG_MAPS.kind, name, namespace, uid },
      {
        type: 'Warning',
        reason: 'InUse',
        message: `the CpuProfile is gone; this ConfigMap stays until no pod uses it (${outcome.detail ?? 'in use'})`,
      },
    );
  }

  #next(name: string, again: boolean, laterMs: number | undefined): QueueOutcome {
    const waits = [
      this.#holds.nextMs(name, this.#parts.clock.monotonic()),
      laterMs,
      again ? SOON_MS : undefined,
    ];
    const known = waits.filter((wait) => wait !== undefined);
    return known.length === 0 ? { done: true } : { requeueAfterMs: Math.min(...known) };
  }

  #forget(name: string): void {
    this.#evaluations.forget(name);
    this.#status.forget(name);
  }
}

/** Rendered for the first namespace that needs it, and used for the others. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
