/** Time comes in from outside, so that tests can hold it still: the only place with Date.now and timers. */
export interface Clock {
  /** Wall-clock time, for what people and other machines read. */
  now(): Date;
  /** Milliseconds that never jump, for deadlines and intervals. */
  monotonic(): number;
  /** Resolves after `milliseconds`, or at once when `signal` aborts. Never rejects. */
  delay(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  delay: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
