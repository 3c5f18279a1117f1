/** Waiting in tests: for a condition, with a deadline, never for a time. */
import { systemClock } from '../../kube/clock.ts';

const POLL_MS = 40;
const DEADLINE_MS = 15_000;

/**
 * Calls `probe` until it answers something other than undefined or false. Throws after `withinMs` with `what` and,
 * when the probe threw, its last error.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  withinMs = DEADLINE_MS,
): Promise<T> {
  const end = systemClock.monotonic() + withinMs;
  let last: unknown;
  while (systemClock.monotonic() < end) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await systemClock.delay(POLL_MS);
  }
  throw new Error(`not within ${withinMs} ms: ${what}`, { cause: last });
}
