/** Events: what happened to an object, for people who run `kubectl describe`. They may be lost; they may not flood. */
import type { Clock } from './clock.ts';
import { rfc3339 } from './conditions.ts';
import { EVENTS } from './core.ts';
import type { Logger } from './logger.ts';
import type { ApiClient, KubeObject } from './types.ts';
import { TokenBucket } from './workqueue.ts';

/** core/v1 ObjectReference; the namespace is absent for a cluster-scoped object. */
export interface InvolvedObject {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
}

export interface EventNote {
  type: 'Normal' | 'Warning';
  /** One CamelCase word. */
  reason: string;
  message: string;
}

export interface EventRecorderOptions {
  client: Pick<ApiClient, 'apply'>;
  clock: Clock;
  log: Logger;
  /** Who reports: `cpu-profile-agent`. Also the field manager. */
  component: string;
  /** The node or pod it runs on. */
  instance: string;
  /** An 8-digit hex number or the like, to keep names of events of different processes apart. */
  unique: string;
}

/** core/v1 Event as far as it is written here. */
interface Event extends KubeObject {
  involvedObject: InvolvedObject;
  type: string;
  reason: string;
  message: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: { component: string; host: string };
  reportingComponent: string;
  reportingInstance: string;
}

interface Series {
  readonly event: Event;
  writtenAt: number | undefined;
  busy: boolean;
  changed: boolean;
}

/** A repeated event is written at most so often; its count goes on meanwhile. */
const REPEAT_MS = 60_000;
/** Of one object and reason so many different messages; further ones share one event. */
const MESSAGES_PER_REASON = 10;
const MAX_SERIES = 1_000;
const MAX_WRITING = 200;
const MAX_MESSAGE = 1_000;
/** All writes together. */
const PER_SECOND = 2;
const BURST = 50;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #messages = new Map<string, number>();
  readonly #bucket: TokenBucket;
  readonly #stop = new AbortController();
  #sequence = 0;
  #writing = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.clock, PER_SECOND, BURST);
  }

  /** Notes it and returns; the writing happens later and may fail, which is only logged. Never throws. */
  record(involvedObject: InvolvedObject, note: EventNote): void {
    if (this.#stop.signal.aborted) return;
    const series = this.#seriesOf(involvedObject, note);
    series.event.count += 1;
    series.event.lastTimestamp = rfc3339(this.#options.clock.now());
    series.changed = true;
    // Too many wait already: this one is written when it happens again, or not at all.
    if (series.busy || this.#writing >= MAX_WRITING) return;
    void this.#write(series);
  }

  /** Nothing is written any more. */
  close(): void {
    this.#stop.abort();
  }

  #seriesOf(object: InvolvedObject, note: EventNote): Series {
    const about = JSON.stringify([
      object.kind,
      object.namespace,
      object.name,
      object.uid,
      note.type,
      note.reason,
    ]);
    let key = `${about}${note.message}`;
    let { message } = note;
    if (!this.#series.has(key)) {
      const messages = this.#messages.get(about) ?? 0;
      if (messages >= MESSAGES_PER_REASON) {
        key = about;
        message = `(similar events combined) ${message}`;
      } else this.#messages.set(about, messages + 1);
    }
    const known = this.#series.get(key);
    if (known !== undefined) {
      known.event.message = message.slice(0, MAX_MESSAGE);
      return known;
    }
    // The oldest is forgotten, with the count of its messages: a later repeat begins a new event.
    if (this.#series.size >= MAX_SERIES) {
      for (const oldest of this.#series.keys()) {
        this.#series.delete(oldest);
        break;
      }
      this.#messages.clear();
    }
    const series = this.#newSeries(object, { ...note, message });
    this.#series.set(key, series);
    return series;
  }

  #newSeries(object: InvolvedObject, note: EventNote): Series {
    const { component, instance, unique, clock } = this.#options;
    this.#sequence += 1;
    const now = rfc3339(clock.now());
    const event: Event = {
      metadata: {
        // As kubelet and client-go name them: the object, then something unique.
        name: `${object.name.slice(0, 200).replace(/[.-]+$/, '')}.${unique}${this.#sequence.toString(16).padStart(6, '0')}`,
        namespace: object.namespace ?? 'default',
      },
      involvedObject: object,
      type: note.type,
      reason: note.reason,
      message: note.message.slice(0, MAX_MESSAGE),
      count: 0,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component, host: instance },
      reportingComponent: component,
      reportingInstance: instance,
    };
    return { event, writtenAt: undefined, busy: false, changed: false };
  }

  async #write(series: Series): Promise<void> {
    const { client, clock, log, component } = this.#options;
    const { signal } = this.#stop;
    series.busy = true;
    this.#writing += 1;
    while (series.changed && !signal.aborted) {
      const now = clock.monotonic();
      const due = series.writtenAt === undefined ? 0 : series.writtenAt + REPEAT_MS - now;
      // Tokens are only reserved for what is about to be written.
      if (due > 0) await clock.delay(due, signal);
      const wait = this.#bucket.reserve();
      if (wait > 0) await clock.delay(wait, signal);
      if (this.#stop.signal.aborted) break;
      series.changed = false;
      series.writtenAt = clock.monotonic();
      try {
        await client.apply<Event>(
          EVENTS,
          { ...series.event },
          { fieldManager: component, force: true, signal },
        );
      } catch (error) {
        const { involvedObject, reason } = series.event;
        log.warn(
          { object: `${involvedObject.kind} ${involvedObject.name}`, reason, err: error },
          'an event could not be written',
        );
      }
    }
    series.busy = false;
    this.#writing -= 1;
  }
}
