import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { silentLogger } from './silent-logger.ts';
import { type Outcome, TokenBucket, WorkQueue } from './workqueue.ts';

const DONE: Outcome = { done: true };
const queueWith = (options: Partial<ConstructorParameters<typeof WorkQueue>[0]> = {}) => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, log: silentLogger, ...options });
  const stop = new AbortController();
  return { clock, queue, stop };
};
const gate = () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
};

describe('WorkQueue', () => {
  it('works in order and once for several adds', async () => {
    const { clock, queue, stop } = queueWith();
    const seen: string[] = [];
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.depth).toBe(3);
    const run = queue.run((key) => (seen.push(key), Promise.resolve(DONE)), { signal: stop.signal });
    await clock.advance(0);
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(queue.pending).toBe(0);
    stop.abort();
    await run;
  });

  it('works again on what changed meanwhile, after the first is done', async () => {
    const { clock, queue, stop } = queueWith();
    const first = gate();
    let runs = 0;
    const run = queue.run(
      async () => {
        runs += 1;
        if (runs === 1) await first.opened;
        return DONE;
      },
      { concurrency: 4, signal: stop.signal },
    );
    queue.add('a');
    await clock.advance(0);
    queue.add('a');
    queue.add('a');
    await clock.advance(0);
    expect(runs).toBe(1);
    first.open();
    await clock.advance(0);
    expect(runs).toBe(2);
    stop.abort();
    await run;
  });

  it('backs off per key, up to the longest delay, and forgets after success', async () => {
    const { clock, queue, stop } = queueWith({ maxDelayMs: 40 });
    const at: number[] = [];
    let fail = true;
    const run = queue.run(
      () => {
        at.push(clock.monotonic());
        return fail ? Promise.reject(new Error('no')) : Promise.resolve(DONE);
      },
      { signal: stop.signal },
    );
    queue.add('a');
    await clock.advance(200);
    expect(at.slice(0, 7)).toEqual([0, 5, 15, 35, 75, 115, 155]);
    fail = false;
    await clock.advance(40);
    expect(queue.pending).toBe(0);
    fail = true;
    const before = at.length;
    queue.add('a');
    await clock.advance(6);
    expect((at[before + 1] ?? 0) - (at[before] ?? 0)).toBe(5);
    stop.abort();
    await run;
  });

  it('holds all retries together to the overall rate', async () => {
    const { clock, queue, stop } = queueWith({ retriesPerSecond: 10, retryBurst: 100 });
    let runs = 0;
    const failed = new Set<string>();
    const run = queue.run(
      (key) => {
        runs += 1;
        if (failed.has(key)) return Promise.resolve(DONE);
        failed.add(key);
        return Promise.reject(new Error('no'));
      },
      { concurrency: 8, signal: stop.signal },
    );
    for (let index = 0; index < 200; index += 1) queue.add(String(index));
    await clock.advance(50);
    expect(runs).toBe(300);
    await clock.advance(4_950);
    expect(runs).toBe(350);
    await clock.advance(5_100);
    expect(runs).toBe(400);
    stop.abort();
    await run;
  });

  it('looks again after the time that an outcome says', async () => {
    const { clock, queue, stop } = queueWith();
    const at: number[] = [];
    const run = queue.run(
      () => {
        at.push(clock.monotonic());
        return Promise.resolve({ requeueAfterMs: 1_000 });
      },
      { signal: stop.signal },
    );
    queue.add('a');
    await clock.advance(2_500);
    expect(at).toEqual([0, 1_000, 2_000]);
    stop.abort();
    await run;
    expect(clock.sleeping).toBe(0);
  });

  it('of several delays the earliest counts, and it adds once', async () => {
    const { clock, queue, stop } = queueWith();
    const at: number[] = [];
    const run = queue.run(() => (at.push(clock.monotonic()), Promise.resolve(DONE)), { signal: stop.signal });
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    await clock.advance(1_000);
    expect(at).toEqual([200]);
    stop.abort();
    await run;
  });

  it('stops: waits for the busy worker, takes nothing new', async () => {
    const { clock, queue, stop } = queueWith();
    const first = gate();
    const seen: string[] = [];
    let told = false;
    let ended = false;
    const run = queue
      .run(
        async (key, signal) => {
          seen.push(key);
          await first.opened;
          told = signal.aborted;
          return DONE;
        },
        { signal: stop.signal },
      )
      .then(() => (ended = true));
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await clock.advance(0);
    stop.abort();
    await clock.advance(100);
    expect(ended).toBe(false);
    first.open();
    await run;
    expect([seen, told, clock.sleeping]).toEqual([['a'], true, 0]);
  });

  it('a worker that throws before its first await is a failure, not the end', async () => {
    const { clock, queue, stop } = queueWith();
    let runs = 0;
    const run = queue.run(
      () => {
        runs += 1;
        if (runs === 1) throw new Error('at once');
        return Promise.resolve(DONE);
      },
      { signal: stop.signal },
    );
    queue.add('a');
    await clock.advance(5);
    expect(runs).toBe(2);
    stop.abort();
    await run;
  });

  it('never gives one key to two workers and loses no event (property)', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      after: fc.constantFrom(0, 0, 0, 3, 20),
      wait: fc.constantFrom(0, 0, 1, 7),
      outcome: fc.constantFrom('done', 'done', 'fail', 'again', 'slow'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, concurrency) => {
          const { clock, queue, stop } = queueWith();
          const outcomes = steps.map(({ outcome }) => outcome);
          const busy = new Set<string>();
          const wanted = new Map<string, number>();
          const seen = new Map<string, number>();
          let version = 0;
          let overlap = false;
          const run = queue.run(
            async (key) => {
              overlap ||= busy.has(key);
              busy.add(key);
              // What a reconciler would read at the beginning of its work.
              const read = wanted.get(key) ?? 0;
              const outcome = outcomes.shift() ?? 'done';
              try {
                await setImmediate();
                if (outcome === 'slow') await clock.delay(4);
                if (outcome === 'fail') throw new Error('no');
                seen.set(key, read);
                return outcome === 'again' ? { requeueAfterMs: 2 } : DONE;
              } finally {
                busy.delete(key);
              }
            },
            { concurrency, signal: stop.signal },
          );
          for (const { key, after, wait } of steps) {
            wanted.set(key, (version += 1));
            queue.addAfter(key, after);
            if (wait > 0) await clock.advance(wait);
          }
          for (let round = 0; round < 200 && queue.pending > 0; round += 1) await clock.advance(50);
          stop.abort();
          await run;
          expect(overlap).toBe(false);
          expect(seen).toEqual(wanted);
          expect(queue.pending).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('TokenBucket', () => {
  it('gives the burst at once and then the rate', async () => {
    const clock = new FakeClock();
    const bucket = new TokenBucket(clock, 10, 3);
    expect([1, 2, 3, 4, 5].map(() => bucket.reserve())).toEqual([0, 0, 0, 100, 200]);
    await clock.advance(1_000);
    expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, true, false]);
  });
});
