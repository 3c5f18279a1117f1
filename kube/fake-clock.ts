/** A Clock that stands still until a test moves it. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

export class FakeClock implements Clock {
  #elapsed = 0;
  readonly #start: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(start = '2026-01-01T00:00:00Z') {
    this.#start = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#start + this.#elapsed);
  }

  monotonic(): number {
    return this.#elapsed;
  }

  delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { due: this.#elapsed + Math.max(0, milliseconds), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** How many delays have not come to their end. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Lets time pass, waking every sleeper at its time and letting it run before the next. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    await setImmediate();
    for (;;) {
      const next = [...this.#sleepers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.wake();
      await setImmediate();
    }
    this.#elapsed = end;
    await setImmediate();
  }

  /** Time passes and nobody runs meanwhile, as when the event loop is blocked; then every sleeper that is due wakes. */
  async stall(milliseconds: number): Promise<void> {
    this.#elapsed += milliseconds;
    await this.advance(0);
  }
}
