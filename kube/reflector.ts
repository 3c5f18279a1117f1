/** A local copy of one kind of object, kept up to date by list and watch for as long as the process lives. */
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { keyOf } from './core.ts';
import { ApiError, isGone } from './errors.ts';
import type { Logger } from './logger.ts';
import type { ApiClient, KubeObject, ListOptions, Resource } from './types.ts';

export interface ReflectorOptions<T, O extends KubeObject = KubeObject> {
  client: Pick<ApiClient, 'list' | 'watch'>;
  resource: Resource;
  /** Which objects; absent: all of the kind. */
  list?: Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector' | 'metadataOnly'>;
  /** What to keep of an object: keep little. One that throws leaves what was kept before. */
  project(object: O): T;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** `key` was added, changed or deleted; the store already shows it. Enqueue and return. */
  onChange: (key: string) => void;
  /** Shortest and longest watch, seconds: a fleet must not come back in step. */
  watchSeconds?: readonly [number, number];
  pageSize?: number;
}

interface Entry<T> {
  readonly resourceVersion: string | undefined;
  readonly value: T;
}

const PAGE_SIZE = 500;
const WATCH_SECONDS = [300, 600] as const;
const HEALTHY_MS = 120_000;
/** Shorter than this and without an event, a watch did not end, it failed. */
const SHORT_WATCH_MS = 1_000;

/**
 * The rules are those of client-go's reflector: list in pages, replace the store in one step, watch from there with
 * bookmarks; a watch that ends goes on where it was; 410 lists again; whatever else goes wrong is tried again after
 * 0.8 s to 30 s. It never gives up, and nothing that a caller's function throws stops it.
 */
export class Reflector<T, O extends KubeObject = KubeObject> {
  readonly #options: ReflectorOptions<T, O>;
  #store = new Map<string, Entry<T>>();
  #resourceVersion: string | undefined;
  #synced = false;
  #running = false;
  #wholeList = false;
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(options: ReflectorOptions<T, O>) {
    this.#options = options;
  }

  get(key: string): T | undefined {
    return this.#store.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#store.has(key);
  }

  keys(): string[] {
    return [...this.#store.keys()];
  }

  values(): T[] {
    return Array.from(this.#store.values(), (entry) => entry.value);
  }

  get size(): number {
    return this.#store.size;
  }

  /** The store has held a complete list at least once. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  /** Resolves with the first complete list; rejects when the reflector is stopped before. */
  synced(): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Until `signal` aborts; then resolves. Call it once. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new Error(`the reflector of ${this.#options.resource.kind} runs already`);
    this.#running = true;
    const { clock, random, log, resource } = this.#options;
    const backoff = new Backoff({ clock, random, baseMs: 800, maxMs: 30_000, resetAfterMs: HEALTHY_MS });
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      try {
        this.#resourceVersion ??= await this.#list(signal);
        if (!stopped()) await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (stopped()) break;
        if (isGone(error)) this.#resourceVersion = undefined;
        const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
        const delay = Math.max(backoff.next(), Math.min(asked, 30_000));
        const fields = { kind: resource.kind, retryInMs: Math.round(delay), err: error };
        if (isGone(error)) log.info(fields, 'the watch fell behind; listing again');
        else log.warn(fields, 'list or watch failed; trying again');
        await clock.delay(delay, signal);
      }
    }
    const error = new Error(`the reflector of ${resource.kind} was stopped before its first list`);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Replaces the store by what the server has now, and returns the resourceVersion to watch from. */
  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, list, pageSize = PAGE_SIZE } = this.#options;
    const next = new Map<string, Entry<T>>();
    let more: string | undefined;
    let resourceVersion: string;
    do {
      const paging = this.#wholeList
        ? {}
        : more === undefined
          ? { limit: pageSize }
          : { limit: pageSize, continue: more };
      try {
        const page = await client.list<O>(resource, { ...list, ...paging, signal });
        for (const object of page.items) {
          const key = keyOf(object);
          const entry = this.#entryOf(key, object);
          if (entry !== undefined) next.set(key, entry);
        }
        resourceVersion = page.resourceVersion;
        more = page.continue;
      } catch (error) {
        // The pages outlived the server's memory of that moment: next time everything at once.
        if (isGone(error) && more !== undefined) this.#wholeList = true;
        throw error;
      }
      if (signal.aborted) throw new Error('stopped');
    } while (more !== undefined);
    this.#wholeList = false;
    this.#replace(next);
    return resourceVersion;
  }

  #replace(next: Map<string, Entry<T>>): void {
    const before = this.#store;
    this.#store = next;
    this.#synced = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    for (const [key, entry] of next) {
      const old = before.get(key);
      if (old === undefined || old.resourceVersion !== entry.resourceVersion) this.#changed(key);
    }
    for (const key of before.keys()) if (!next.has(key)) this.#changed(key);
  }

  /** Follows the changes from `from` on; returns when the watch has ended as it should. */
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, resource, list, clock, random, watchSeconds = WATCH_SECONDS } = this.#options;
    const [shortest, longest] = watchSeconds;
    const timeoutSeconds = Math.round(shortest + random() * (longest - shortest));
    const began = clock.monotonic();
    let events = 0;
    for await (const event of client.watch<O>(resource, {
      ...list,
      resourceVersion: from,
      timeoutSeconds,
      signal,
    })) {
      if (signal.aborted) return;
      events += 1;
      if (event.type !== 'BOOKMARK') this.#take(event.type, event.object);
      this.#resourceVersion = event.object.metadata.resourceVersion;
    }
    if (signal.aborted || events > 0) return;
    const lasted = clock.monotonic() - began;
    if (lasted < SHORT_WATCH_MS) throw new Error('the watch ended at once, without an event');
    // Not even a bookmark in minutes: the server may not know this resourceVersion (etcd restored from a backup).
    if (lasted >= HEALTHY_MS) this.#resourceVersion = undefined;
  }

  #take(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: O): void {
    const key = keyOf(object);
    const old = this.#store.get(key);
    if (type === 'DELETED') {
      this.#store.delete(key);
      if (old !== undefined) this.#changed(key);
      return;
    }
    const entry = this.#entryOf(key, object);
    if (entry === undefined || entry === old) return;
    this.#store.set(key, entry);
    if (old?.resourceVersion !== entry.resourceVersion) this.#changed(key);
  }

  /** What to keep of an object; what was kept before when `project` throws. */
  #entryOf(key: string, object: O): Entry<T> | undefined {
    try {
      return { resourceVersion: object.metadata.resourceVersion, value: this.#options.project(object) };
    } catch (error) {
      this.#options.log.error(
        { kind: this.#options.resource.kind, key, err: error },
        'an object cannot be read; what was known of it before stands',
      );
      return this.#store.get(key);
    }
  }

  #changed(key: string): void {
    try {
      this.#options.onChange(key);
    } catch (error) {
      this.#options.log.error(
        { kind: this.#options.resource.kind, key, err: error },
        'the change handler failed',
      );
    }
  }
}
