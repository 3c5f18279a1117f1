/** Remembers for a while what could not be done, so that unrelated changes do not ask the API server again. */
import type { Action } from './decide.ts';
import type { Outcome } from './status.ts';

interface Hold {
  readonly basis: string;
  readonly outcome: Outcome;
  /** Monotonic milliseconds. */
  readonly until: number;
}

const WORTH_HOLDING: readonly Outcome['result'][] = ['outdated', 'surplus', 'foreign', 'refused'];

const basisOf = (action: Action): string =>
  'configMap' in action
    ? `${action.do} ${action.configMap.uid} ${action.configMap.resourceVersion}`
    : action.do;

export class Holds {
  readonly #byProfile = new Map<string, Map<string, Hold>>();
  readonly #holdMs: number;

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  /** What came of this very action a short while ago; undefined when it is time to try (again). */
  recall(profile: string, action: Action, now: number): Outcome | undefined {
    const hold = this.#byProfile.get(profile)?.get(action.namespace);
    return hold !== undefined && hold.basis === basisOf(action) && now < hold.until
      ? hold.outcome
      : undefined;
  }

  /** true when the same thing was already held before: then it is no news. */
  keep(profile: string, action: Action, outcome: Outcome, now: number): boolean {
    const held = this.#byProfile.get(profile) ?? new Map<string, Hold>();
    const before = held.get(action.namespace);
    if (WORTH_HOLDING.includes(outcome.result)) {
      held.set(action.namespace, { basis: basisOf(action), outcome, until: now + this.#holdMs });
    } else {
      held.delete(action.namespace);
    }
    if (held.size === 0) this.#byProfile.delete(profile);
    else this.#byProfile.set(profile, held);
    return before?.outcome.result === outcome.result;
  }

  /** Milliseconds until the first hold of the profile ends; undefined when nothing is held. */
  nextMs(profile: string, now: number): number | undefined {
    const held = this.#byProfile.get(profile);
    if (held === undefined) return undefined;
    return Math.max(1, Math.min(...[...held.values()].map(({ until }) => until - now)));
  }

  /** Drops what is held for namespaces that no longer need anything. */
  retain(profile: string, actions: readonly Action[]): void {
    const held = this.#byProfile.get(profile);
    if (held === undefined) return;
    const wanted = new Set(actions.map(({ namespace }) => namespace));
    for (const namespace of held.keys()) if (!wanted.has(namespace)) held.delete(namespace);
    if (held.size === 0) this.#byProfile.delete(profile);
  }
}
