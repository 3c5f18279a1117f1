/** Keys waiting to be worked on: never one key twice at once, no change lost, failures tried again ever more slowly. */
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** What became of a key: finished, or to be looked at again after a while. A thrown error means: try again, backing off. */
export type Outcome = { done: true } | { requeueAfterMs: number };

/** `signal` aborts when the queue stops: a worker should come to an end soon. */
export type Worker = (key: string, signal: AbortSignal) => Promise<Outcome>;

export interface WorkQueueOptions {
  clock: Clock;
  log: Logger;
  /** For the log. */
  name?: string;
  /** Of one key: first delay and longest delay after failures, milliseconds. */
  baseDelayMs?: number;
  maxDelayMs?: number;
  /** Of all retries together: so many a second on average, so many at once. */
  retriesPerSecond?: number;
  retryBurst?: number;
}

interface Delayed {
  readonly due: number;
  readonly cancel: AbortController;
}

/**
 * client-go's rules: `queued` is what waits for a worker, in order; `processing` what workers have; `dirty` what
 * changed while a worker had it, queued again when that worker is done.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #name: string;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #bucket: TokenBucket;
  readonly #queued = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #idle: (() => void)[] = [];
  #started = false;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#name = options.name ?? 'queue';
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 1_000_000;
    this.#bucket = new TokenBucket(options.clock, options.retriesPerSecond ?? 10, options.retryBurst ?? 100);
  }

  /** Keys that wait for a worker now. */
  get depth(): number {
    return this.#queued.size + this.#dirty.size;
  }

  /** Keys that are worked on, queued or delayed; 0 means that nothing is left to do. */
  get pending(): number {
    return this.depth + this.#processing.size + this.#delayed.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    if (this.#processing.has(key)) {
      this.#dirty.add(key);
      return;
    }
    this.#queued.add(key);
    this.#idle.shift()?.();
  }

  /** Adds the key after `milliseconds`; of several delays the earliest counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped) return;
    if (milliseconds <= 0) {
      this.add(key);
      return;
    }
    const due = this.#clock.monotonic() + milliseconds;
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined) {
      if (earlier.due <= due) return;
      earlier.cancel.abort();
    }
    const delayed = { due, cancel: new AbortController() };
    this.#delayed.set(key, delayed);
    void this.#clock.delay(milliseconds, delayed.cancel.signal).then(() => {
      if (this.#delayed.get(key) !== delayed) return;
      this.#delayed.delete(key);
      this.add(key);
    });
  }

  /** Works until `signal` aborts, then waits for the workers that are busy. Call it once. */
  async run(worker: Worker, options: { concurrency?: number; signal: AbortSignal }): Promise<void> {
    if (this.#started) throw new Error(`${this.#name} runs already`);
    this.#started = true;
    const { concurrency = 1, signal } = options;
    const stop = (): void => this.#stop();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    await Promise.all(Array.from({ length: concurrency }, () => this.#work(worker, signal)));
    signal.removeEventListener('abort', stop);
  }

  #stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#delayed.values()) cancel.abort();
    this.#delayed.clear();
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #work(worker: Worker, signal: AbortSignal): Promise<void> {
    for (let key = await this.#take(); key !== undefined; key = await this.#take()) {
      try {
        this.#settle(key, await worker(key, signal));
      } catch (error) {
        this.#failed(key, error, signal);
      } finally {
        this.#processing.delete(key);
        if (this.#dirty.delete(key)) this.add(key);
      }
    }
  }

  /** The next key, marked as being worked on; undefined once the queue has stopped. */
  async #take(): Promise<string | undefined> {
    while (!this.#stopped) {
      for (const key of this.#queued) {
        this.#queued.delete(key);
        this.#processing.add(key);
        return key;
      }
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    return undefined;
  }

  #settle(key: string, outcome: Outcome): void {
    this.#failures.delete(key);
    if ('requeueAfterMs' in outcome) this.addAfter(key, outcome.requeueAfterMs);
  }

  #failed(key: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const own = Math.min(this.#maxDelayMs, this.#baseDelayMs * 2 ** failures);
    const delay = Math.max(own, this.#bucket.reserve());
    this.#log.warn(
      { queue: this.#name, key, failures: failures + 1, retryInMs: Math.round(delay), err: error },
      'failed; trying again',
    );
    this.addAfter(key, delay);
  }
}

/** So many a second on average, so many at once; who comes too early is told how long to wait. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = clock.monotonic();
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
  }

  /** Takes one token, if need be one of the future; milliseconds until it is there. */
  reserve(): number {
    this.#refill();
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000;
  }

  /** Takes one token if there is one. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
