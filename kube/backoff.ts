/** How long to wait before the next try of something that keeps failing. */
import type { Clock } from './clock.ts';

export interface BackoffOptions {
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** First delay, milliseconds. */
  baseMs: number;
  maxMs: number;
  /** A failure that comes so long after the one before counts as the first. */
  resetAfterMs: number;
}

/** Doubles from `baseMs` to `maxMs`; each delay is drawn from the upper half, so that a fleet does not move in step. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;
  #quietFrom = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait after the failure that just happened. */
  next(): number {
    const { clock, random, baseMs, maxMs, resetAfterMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#quietFrom >= resetAfterMs) this.#failures = 0;
    const full = Math.min(maxMs, baseMs * 2 ** this.#failures);
    this.#failures += 1;
    const delay = full * (0.5 + random() / 2);
    this.#quietFrom = now + delay;
    return delay;
  }
}
