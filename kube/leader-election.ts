/** One leader among several processes, by a Lease: the rules of client-go's leaderelection package. */
import type { Clock } from './clock.ts';
import { LEASES, type Lease } from './core.ts';
import { isConflict, isNotFound } from './errors.ts';
import { LeaseRecord } from './lease-record.ts';
import type { Logger } from './logger.ts';
import type { ApiClient } from './types.ts';

export interface LeaseOptions {
  client: Pick<ApiClient, 'get' | 'create' | 'replace'>;
  namespace: string;
  name: string;
  /** Unique to this process: two that share one would both lead. */
  identity: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** Aborts for a clean stop. */
  signal: AbortSignal;
  /** The work of the leader. Its signal aborts when the stop begins or the lease is lost; then it must come to an end. */
  lead: (signal: AbortSignal) => Promise<void>;
  /** Others wait so long after the last change of the lease, milliseconds. */
  leaseDurationMs?: number;
  /** Without a renewal for so long this process leads no more. */
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
}

/** This process was the leader and cannot be sure of it any more. It must exit: its work may still be under way. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

const JITTER = 1.2;
const RELEASE_TIMEOUT_MS = 2_000;

/**
 * Waits for the lease, then calls `lead` once. Resolves when `signal` aborted (before or after leading) or `lead`
 * came to its end; the lease is then given back with an empty holder, so that another takes over within seconds.
 * @throws LeaseLostError at once when the lease is lost, whether or not `lead` has ended; what `lead` throws.
 */
export const runWithLease = async (options: LeaseOptions): Promise<void> => {
  const { clock, log, signal, name, namespace, identity } = options;
  const elector = new Elector(options);
  if (!(await elector.acquire())) return;
  log.info({ lease: `${namespace}/${name}`, identity }, 'became the leader');

  const stop = new AbortController();
  const abort = (): void => stop.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const over = new AbortController();
  try {
    const work = Promise.resolve()
      .then(() => options.lead(stop.signal))
      .finally(() => over.abort());
    // When the lease is lost, nobody waits for the work any more.
    work.catch(() => undefined);
    await elector.keep(over.signal);
    await work;
  } catch (error) {
    if (error instanceof LeaseLostError) stop.abort(error);
    else await elector.release();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    over.abort();
  }
  await elector.release();
  log.info({ lease: `${namespace}/${name}`, at: clock.now().toISOString() }, 'gave the lease back');
};

class Elector {
  readonly #options: LeaseOptions;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #record: LeaseRecord;
  /** When the request of the last successful renewal was sent. */
  #renewedAt = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    if (
      this.#leaseDurationMs <= this.#renewDeadlineMs ||
      this.#renewDeadlineMs <= this.#retryPeriodMs * JITTER
    )
      throw new Error('leader election needs lease duration > renew deadline > 1.2 retry periods');
    if (options.identity === '') throw new Error('leader election needs an identity');
    this.#record = new LeaseRecord(options.identity, options.clock, this.#leaseDurationMs);
  }

  /** true when the lease is held, false when the signal aborted first. */
  async acquire(): Promise<boolean> {
    const { clock, random, signal, log } = this.#options;
    const aborted = (): boolean => signal.aborted;
    while (!aborted()) {
      const before = this.#record.holder;
      const outcome = await this.#attempt(signal);
      // An answer that comes too late is no reason to begin: renew at once.
      if (outcome === 'held') {
        if (clock.monotonic() - this.#renewedAt < this.#renewDeadlineMs) return true;
        continue;
      }
      const { holder } = this.#record;
      if (holder !== before && holder !== undefined) log.info({ holder }, 'another process leads; waiting');
      await clock.delay(this.#retryPeriodMs * (1 + random() * JITTER), signal);
    }
    return false;
  }

  /** Renews until `over` aborts. @throws LeaseLostError */
  async keep(over: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const aborted = (): boolean => over.aborted;
    for (;;) {
      await clock.delay(this.#retryPeriodMs, over);
      if (aborted()) return;
      // Before anything else: after a stall the work must stop first, whatever a renewal would say.
      this.#checkDeadline();
      const left = this.#renewDeadlineMs - (clock.monotonic() - this.#renewedAt);
      const limit = new AbortController();
      const attempt = this.#attempt(AbortSignal.any([limit.signal, over]));
      const winner = await Promise.race([attempt, clock.delay(left, AbortSignal.any([limit.signal, over]))]);
      limit.abort(new Error('the renew deadline has passed'));
      if (aborted()) return;
      this.#checkDeadline();
      if (winner === 'taken')
        throw new LeaseLostError(`the lease is held by ${this.#record.holder ?? 'nobody'} now`);
    }
  }

  #checkDeadline(): void {
    const since = this.#options.clock.monotonic() - this.#renewedAt;
    if (since >= this.#renewDeadlineMs)
      throw new LeaseLostError(`the lease was not renewed for ${(since / 1000).toFixed(1)} s`);
  }

  /** Empties the holder. Only called when the work has ended. Never throws: the lease expires by itself. */
  async release(): Promise<void> {
    const { client, clock, log } = this.#options;
    const lease = this.#record.released();
    if (lease === undefined) return;
    const done = new AbortController();
    const limit = new AbortController();
    void clock.delay(RELEASE_TIMEOUT_MS, done.signal).then(() => limit.abort(new Error('took too long')));
    try {
      await client.replace<Lease>(LEASES, lease, { signal: limit.signal });
    } catch (error) {
      log.warn({ err: error }, 'the lease could not be given back; it expires by itself');
    } finally {
      done.abort();
    }
  }

  /** Takes or renews the lease if that is possible now. Never throws. */
  async #attempt(signal: AbortSignal): Promise<'held' | 'taken' | 'failed'> {
    const { client, clock, log, namespace, name } = this.#options;
    const sentAt = clock.monotonic();
    const held = (lease: Lease): 'held' => {
      this.#record.observe(lease);
      this.#renewedAt = sentAt;
      return 'held';
    };
    try {
      const renewed = this.#record.renewed();
      if (renewed !== undefined) {
        try {
          return held(await client.replace<Lease>(LEASES, renewed, { signal }));
        } catch (error) {
          if (!isConflict(error) && !isNotFound(error)) throw error;
          // Someone wrote to it, perhaps this process a moment ago: look.
        }
      }
      let lease: Lease;
      try {
        lease = await client.get<Lease>(LEASES, name, namespace, signal);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        return held(await client.create<Lease>(LEASES, this.#record.fresh(namespace, name), { signal }));
      }
      this.#record.observe(lease);
      if (this.#record.isTaken()) return 'taken';
      return held(await client.replace<Lease>(LEASES, this.#record.claimed(lease), { signal }));
    } catch (error) {
      if (isConflict(error)) log.debug({ err: error }, 'another process was faster with the lease');
      else log.warn({ lease: `${namespace}/${name}`, err: error }, 'the lease could not be read or written');
      return 'failed';
    }
  }
}
