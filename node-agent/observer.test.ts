import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../kube/fake-clock.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import { snapshotName, type Snapshot } from '../profiles/model/snapshot.ts';
import { PROVENANCE } from './decide/testing.ts';
import { KvmError } from './kvm/errors.ts';
import { Observer, type Machine } from './observer.ts';
import { snapshotWithMsr } from './testing/snapshots.ts';

const INTERVAL = 600_000;

describe('the observer', () => {
  let clock: FakeClock;
  let stop: AbortController;
  let running: Promise<void> | undefined;
  let asked: string[];
  let counted: string[];
  let rounds: number;
  /** What each CPU answers now. */
  let cpus: Snapshot[];
  let failure: Error | undefined;
  let hanging: boolean;
  let observer: Observer;

  const machine: Machine = {
    everyCpu: () => {
      asked.push('all');
      const [snapshot] = cpus;
      if (failure !== undefined || snapshot === undefined)
        return Promise.reject(failure ?? new Error('no CPU'));
      return Promise.resolve({ snapshot, cpus: cpus.map((_, cpu) => ({ cpu, ioctlMilliseconds: 0.4 })) });
    },
    oneCpu: (after = -1) => {
      const cpu = (after + 1) % cpus.length;
      asked.push(`cpu ${cpu}`);
      if (hanging) return new Promise<never>(() => undefined);
      const snapshot = cpus[cpu];
      if (failure !== undefined || snapshot === undefined)
        return Promise.reject(failure ?? new Error('no CPU'));
      return Promise.resolve({ snapshot, cpu, ioctlMilliseconds: 0.4 });
    },
    provenance: () => Promise.resolve(PROVENANCE),
  };

  beforeEach(() => {
    clock = new FakeClock();
    stop = new AbortController();
    asked = [];
    counted = [];
    rounds = 0;
    failure = undefined;
    hanging = false;
    cpus = [0, 0, 0].map(() => snapshotWithMsr(0x10));
    observer = new Observer({
      machine,
      clock,
      random: () => 0.5,
      intervalMs: INTERVAL,
      log: silentLogger,
      metrics: { cpuProbed: () => undefined, probed: (result) => counted.push(result) },
      onProbe: () => (rounds += 1),
    });
  });
  afterEach(async () => {
    stop.abort();
    await running;
    expect(clock.sleeping).toBe(0);
  });
  const start = async (): Promise<void> => {
    running = observer.run(stop.signal);
    await clock.advance(0);
  };

  it('knows nothing before the first probe has ended', () => expect(observer.latest()).toBeUndefined());

  it('probes every CPU at the start, then one in turn for each interval', async () => {
    await start();
    await clock.advance(4 * INTERVAL);
    expect(asked).toEqual(['all', 'cpu 0', 'cpu 1', 'cpu 2', 'cpu 0']);
    expect(rounds).toBe(5);
    expect(counted).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('sleeps on one timer between probes', async () => {
    await start();
    expect(clock.sleeping).toBe(1);
    await clock.advance(INTERVAL - 1);
    expect(asked).toEqual(['all']);
  });

  it('spreads the interval by a tenth to both sides', async () => {
    for (const [random, earliest] of [
      [0, 0.9 * INTERVAL],
      [0.999_999, 1.0999 * INTERVAL],
    ] as const) {
      asked = [];
      clock = new FakeClock();
      stop = new AbortController();
      const metrics = { cpuProbed: () => undefined, probed: () => undefined };
      const options = {
        machine,
        clock,
        intervalMs: INTERVAL,
        log: silentLogger,
        metrics,
        onProbe: () => undefined,
      };
      observer = new Observer({ ...options, random: () => random });
      await start();
      await clock.advance(earliest - 1);
      expect(asked).toEqual(['all']);
      await clock.advance(0.001 * INTERVAL);
      expect(asked).toHaveLength(2);
      stop.abort();
      await running;
    }
  });

  it('probes every CPU on request, also when a probe is under way', async () => {
    await start();
    observer.requestEveryCpu();
    await setImmediate();
    observer.requestEveryCpu();
    observer.requestEveryCpu();
    await clock.advance(0);
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(new Set(asked)).toEqual(new Set(['all']));
    const before = asked.length;
    await clock.advance(INTERVAL);
    expect(asked.slice(before)).toEqual(['cpu 0']);
  });

  it('asks every CPU when one answers differently than before', async () => {
    await start();
    cpus = [0, 0, 0].map(() => snapshotWithMsr(0x11));
    await clock.advance(INTERVAL);
    expect(asked).toEqual(['all', 'cpu 0', 'all']);
    expect(observer.latest()?.outcome).toMatchObject({
      good: true,
      snapshot: snapshotName(snapshotWithMsr(0x11)),
    });
  });

  it('keeps the very snapshot that it had while the machine says the same', async () => {
    await start();
    const before = observer.latest()?.snapshot;
    await clock.advance(INTERVAL);
    expect(observer.latest()?.snapshot).toBe(before);
    expect(observer.latest()?.outcome).toMatchObject({ at: new Date(Date.parse('2026-01-01T00:10:00Z')) });
  });

  it('shows a failure with reason and remedy, tries all CPUs again within a minute, and recovers', async () => {
    await start();
    failure = new KvmError('DeviceMissing', '/dev/kvm is not there (ENOENT)');
    await clock.advance(INTERVAL);
    const failed = observer.latest();
    expect(failed).toMatchObject({ outcome: { good: false, reason: 'DeviceMissing' }, snapshot: undefined });
    expect(failed?.outcome).toHaveProperty('message', expect.stringMatching(/ENOENT.*firmware/));
    failure = undefined;
    await clock.advance(60_000);
    expect(asked).toEqual(['all', 'cpu 0', 'all']);
    expect(observer.latest()?.outcome.good).toBe(true);
    expect(counted).toEqual(['ok', 'DeviceMissing', 'ok']);
  });

  it('takes any other error for a failed probe as well', async () => {
    failure = new TypeError('a defect');
    await start();
    expect(observer.latest()?.outcome).toEqual({ good: false, reason: 'ProbeFailed', message: 'a defect' });
  });

  it('does not act on a probe that is too old', async () => {
    await start();
    hanging = true;
    await clock.advance(3 * INTERVAL);
    expect(observer.latest()?.outcome.good).toBe(true);
    await clock.advance(1);
    expect(observer.latest()?.outcome).toMatchObject({ good: false, reason: 'ProbeStale' });
    // The probe hangs for ever: run() cannot end, and main's deadline ends the process.
    running = undefined;
  });
});
