/** Writes a CpuProfile's status when it says something new, and node counts not too often. */
import type { CpuProfileStatus } from '../../../crds/cpu-profile.ts';
import { API_VERSION, CPU_PROFILES, OPERATOR_MANAGER } from '../../../crds/kinds.ts';
import type { Clock } from '../../../kube/clock.ts';
import { isConflict, isObjectGone } from '../../../kube/errors.ts';
import type { ApiClient } from '../../../kube/types.ts';
import type { EventRecorder } from '../../../kube/events.ts';
import type { CpuProfileObject } from './objects.ts';
import type { ProfileView } from './views.ts';
import { type ProfileEvent, statusChange } from './status.ts';

interface Parts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly events: Pick<EventRecorder, 'record'>;
}

interface Written {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly status: CpuProfileStatus | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** While nodes come and go by the thousand, one write a profile in this time is enough. */
export const COUNTS_INTERVAL_MS = 2_000;

/** Resource versions are decimal numbers of any length that only grow (KEP-5504). */
export const isNewer = (left: string, right: string): boolean =>
  left.length === right.length ? left > right : left.length > right.length;

export class StatusWriter {
  readonly #parts: Parts;
  readonly #written = new Map<string, Written>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The newest status known: the cache may not have seen our own last write yet. */
  stored({ name, uid, resourceVersion, status }: ProfileView): CpuProfileStatus | undefined {
    const written = this.#written.get(name);
    return written?.uid === uid && isNewer(written.resourceVersion, resourceVersion)
      ? written.status
      : status;
  }

  /**
   * Applies `status` unless it is stored already, then records the events. Answers after how many milliseconds
   * counts that have to wait can be written; undefined when nothing is left to write.
   */
  async write(
    view: ProfileView,
    status: CpuProfileStatus,
    events: readonly ProfileEvent[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { name, uid } = view;
    const change = statusChange(this.stored(view), status);
    if (change === 'none') return undefined;
    const { client, clock, events: recorder } = this.#parts;
    const last = this.#written.get(name);
    if (change === 'counts' && last?.uid === uid) {
      const wait = last.at + COUNTS_INTERVAL_MS - clock.monotonic();
      if (wait > 0) return Math.ceil(wait);
    }
    const applied = await this.#apply(client, view, status, signal);
    if (applied === undefined) return undefined;
    this.#written.set(name, {
      uid,
      resourceVersion: applied.metadata.resourceVersion ?? '',
      status: applied.status,
      at: clock.monotonic(),
    });
    const about = { apiVersion: API_VERSION, kind: CPU_PROFILES.kind, name, uid };
    for (const event of events) recorder.record(about, event);
    return undefined;
  }

  forget(name: string): void {
    this.#written.delete(name);
  }

  /** With the uid, so that a new profile of the same name never gets the old one's status. */
  async #apply(
    client: ApiClient,
    { name, uid }: ProfileView,
    status: CpuProfileStatus,
    signal: AbortSignal,
  ): Promise<KubeProfile | undefined> {
    try {
      return await client.apply<KubeProfile>(
        CPU_PROFILES,
        { apiVersion: API_VERSION, kind: CPU_PROFILES.kind, metadata: { name, uid }, status },
        { fieldManager: OPERATOR_MANAGER, force: true, subresource: 'status', signal },
      );
    } catch (error) {
      // Conflict: forced, so it can only be another uid. The watch brings the new object.
      if (isObjectGone(error, name) || isConflict(error)) return undefined;
      throw error;
    }
  }
}

type KubeProfile = Omit<CpuProfileObject, 'spec'>;
