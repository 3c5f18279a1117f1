import { describe, expect, it } from 'vitest';
import type { Lease } from './core.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { FakeClock } from './fake-clock.ts';
import { type LeaseOptions, LeaseLostError, runWithLease } from './leader-election.ts';
import { microTime } from './lease-record.ts';
import { silentLogger } from './silent-logger.ts';

/** One Lease with the API server's rules for writes: what the election relies on, in memory. The real server: leader-election.api.test.ts. */
class LeaseStore {
  lease: Lease | undefined;
  version = 0;
  writes = 0;
  down = false;
  /** Answers wait for this. */
  slow: (() => Promise<void>) | undefined;

  readonly client: LeaseOptions['client'] = {
    get: (async () => {
      await this.#reach();
      if (this.lease === undefined) throw new ApiError('get', 404, { reason: 'NotFound' });
      return structuredClone(this.lease);
    }) as LeaseOptions['client']['get'],
    create: (async (_: unknown, lease: Lease) => {
      await this.#reach();
      if (this.lease !== undefined) throw new ApiError('create', 409, { reason: 'AlreadyExists' });
      return this.#store(lease);
    }) as LeaseOptions['client']['create'],
    replace: (async (_: unknown, lease: Lease) => {
      await this.#reach();
      if (this.lease === undefined) throw new ApiError('replace', 404, { reason: 'NotFound' });
      if (lease.metadata.resourceVersion !== this.lease.metadata.resourceVersion)
        throw new ApiError('replace', 409, { reason: 'Conflict' });
      return this.#store(lease);
    }) as LeaseOptions['client']['replace'],
  };

  get holder(): string | undefined {
    return this.lease?.spec?.holderIdentity;
  }

  async #reach(): Promise<void> {
    await this.slow?.();
    if (this.down) throw new ConnectionError('lease', new Error('ECONNREFUSED'));
  }

  #store(lease: Lease): Lease {
    this.writes += 1;
    this.version += 1;
    this.lease = structuredClone({
      ...lease,
      metadata: { ...lease.metadata, resourceVersion: String(this.version) },
    });
    return structuredClone(this.lease);
  }
}

interface Candidate {
  stop: AbortController;
  leading: boolean;
  aborted: boolean;
  result: string;
  done: Promise<void>;
}

const candidate = (
  store: LeaseStore,
  clock: FakeClock,
  identity: string,
  options: Partial<LeaseOptions> = {},
): Candidate => {
  const stop = new AbortController();
  const state: Candidate = {
    stop,
    leading: false,
    aborted: false,
    result: 'running',
    done: Promise.resolve(),
  };
  state.done = runWithLease({
    client: store.client,
    namespace: 'n',
    name: 'l',
    identity,
    clock,
    random: () => 0,
    log: silentLogger,
    signal: stop.signal,
    lead: async (signal) => {
      state.leading = true;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      state.aborted = true;
      state.leading = false;
    },
    ...options,
  }).then(
    () => void (state.result = 'stopped'),
    (error: unknown) => void (state.result = String(error)),
  );
  return state;
};

describe('runWithLease', () => {
  it('creates the lease, leads, renews every 2 s, and gives it back with an empty holder', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    expect(a.leading).toBe(true);
    expect(store.lease?.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    await clock.advance(10_100);
    expect(store.writes).toBe(6);
    expect(store.lease?.spec?.renewTime).toBe('2026-01-01T00:00:10.000000Z');
    expect(store.lease?.spec?.acquireTime).toBe('2026-01-01T00:00:00.000000Z');
    a.stop.abort();
    await a.done;
    expect([a.result, a.aborted]).toEqual(['stopped', true]);
    expect(store.lease?.spec).toMatchObject({
      holderIdentity: '',
      leaseDurationSeconds: 1,
      leaseTransitions: 0,
    });
    expect(clock.sleeping).toBe(0);
  });

  it('a second candidate waits, and takes over soon after the release', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    const b = candidate(store, clock, 'b', { random: () => 0.999 });
    await clock.advance(60_000);
    expect([a.leading, b.leading]).toEqual([true, false]);
    a.stop.abort();
    await a.done;
    await clock.advance(4_400);
    expect(b.leading).toBe(true);
    expect(store.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    b.stop.abort();
    await b.done;
  });

  it('takes over a dead leader 15 s after it saw the last change, whatever the clocks say', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    store.lease = {
      metadata: { name: 'l', namespace: 'n', resourceVersion: '0' },
      // The dead leader's clock was a year ahead.
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: 15,
        renewTime: '2027-01-01T00:00:00.000000Z',
        leaseTransitions: 4,
      },
    };
    const b = candidate(store, clock, 'b');
    await clock.advance(14_900);
    expect(b.leading).toBe(false);
    await clock.advance(2_000);
    expect(b.leading).toBe(true);
    expect(store.lease.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 5 });
    b.stop.abort();
    await b.done;
  });

  it('respects a longer duration that the holder wrote', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    store.lease = {
      metadata: { name: 'l', namespace: 'n', resourceVersion: '0' },
      spec: { holderIdentity: 'other', leaseDurationSeconds: 60 },
    };
    const b = candidate(store, clock, 'b');
    await clock.advance(59_000);
    expect(b.leading).toBe(false);
    await clock.advance(3_000);
    expect(b.leading).toBe(true);
    b.stop.abort();
    await b.done;
  });

  it('of many candidates exactly one leads at any time', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const all = Array.from({ length: 5 }, (_, index) => candidate(store, clock, `c${index}`, { random }));
    for (let left = all.length; left > 0; left -= 1) {
      await clock.advance(20_000);
      const leaders = all.filter(({ leading }) => leading);
      expect(leaders).toHaveLength(1);
      leaders[0]?.stop.abort();
      await leaders[0]?.done;
    }
    expect(all.map(({ result }) => result)).toEqual(Array.from({ length: 5 }, () => 'stopped'));
  });

  it('survives an outage shorter than the renew deadline', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(2_100);
    store.down = true;
    await clock.advance(7_000);
    store.down = false;
    await clock.advance(60_000);
    expect([a.leading, a.result]).toEqual([true, 'running']);
    a.stop.abort();
    await a.done;
  });

  it('is lost when it could not be renewed for 10 s, before others may take it', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    store.down = true;
    await clock.advance(9_500);
    expect(a.leading).toBe(true);
    await clock.advance(600);
    expect(a.aborted).toBe(true);
    expect(a.result).toMatch(/^LeaseLostError: the lease was not renewed for 10/);
    expect(store.holder).toBe('a');
  });

  it('is lost when the server accepts connections and never answers', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    store.slow = () => new Promise(() => undefined);
    await clock.advance(10_100);
    expect(a.result).toContain('LeaseLostError');
  });

  it('is lost after a stall of the event loop, without asking whether it could be renewed', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(1_000);
    const { writes } = store;
    await clock.stall(11_000);
    expect(a.result).toContain('LeaseLostError');
    expect(a.aborted).toBe(true);
    expect(store.writes).toBe(writes);
  });

  it('is lost at once when another holds it', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    if (store.lease === undefined) throw new Error('no lease');
    store.lease = {
      metadata: { ...store.lease.metadata, resourceVersion: '77' },
      spec: { ...store.lease.spec, holderIdentity: 'thief' },
    };
    await clock.advance(2_100);
    expect(a.result).toBe('LeaseLostError: the lease is held by thief now');
    expect(store.holder).toBe('thief');
  });

  it('stays the leader when someone edits or deletes its lease', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    if (store.lease === undefined) throw new Error('no lease');
    store.lease = {
      ...store.lease,
      metadata: { ...store.lease.metadata, resourceVersion: '77', labels: { by: 'hand' } },
    };
    await clock.advance(2_100);
    expect(store.lease.metadata.labels).toEqual({ by: 'hand' });
    store.lease = undefined;
    await clock.advance(4_100);
    expect(store.holder).toBe('a');
    expect(a.leading).toBe(true);
    a.stop.abort();
    await a.done;
  });

  it('does not begin to lead with an answer that came too late', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    store.slow = () => clock.delay(11_000);
    const a = candidate(store, clock, 'a');
    await clock.advance(22_500);
    expect(store.holder).toBe('a');
    expect(a.leading).toBe(false);
    store.slow = undefined;
    await clock.advance(12_000);
    expect(a.leading).toBe(true);
    a.stop.abort();
    await a.done;
  });

  it('renews while the work comes to its end, and releases only then', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    let finish = (): void => undefined;
    const a = candidate(store, clock, 'a', {
      lead: () => new Promise<void>((resolve) => (finish = resolve)),
    });
    await clock.advance(0);
    a.stop.abort();
    await clock.advance(30_000);
    expect(store.holder).toBe('a');
    expect(store.writes).toBeGreaterThan(14);
    finish();
    await a.done;
    expect([a.result, store.holder]).toEqual(['stopped', '']);
  });

  it('hands on what the work throws, and releases', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a', { lead: () => Promise.reject(new Error('bug')) });
    await clock.advance(0);
    await a.done;
    expect([a.result, store.holder]).toEqual(['Error: bug', '']);
  });

  it('a release that does not get through does not hold up the stop for more than 2 s', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const client: LeaseOptions['client'] = {
      ...store.client,
      replace: (_, __, options) =>
        new Promise((_resolve, reject) =>
          options?.signal?.addEventListener('abort', () =>
            reject(new ConnectionError('replace', new Error('aborted'))),
          ),
        ),
    };
    const a = candidate(store, clock, 'a', { client });
    await clock.advance(100);
    a.stop.abort();
    await clock.advance(2_100);
    expect(a.result).toBe('stopped');
  });

  it('stops while it waits, and leaves the lease alone', async () => {
    const clock = new FakeClock();
    const store = new LeaseStore();
    const a = candidate(store, clock, 'a');
    await clock.advance(0);
    const b = candidate(store, clock, 'b');
    await clock.advance(5_000);
    b.stop.abort();
    await b.done;
    expect([b.result, b.aborted, store.holder]).toEqual(['stopped', false, 'a']);
    a.stop.abort();
    await a.done;
  });

  it('refuses durations that cannot work, and no identity', async () => {
    const clock = new FakeClock();
    const bad = candidate(new LeaseStore(), clock, 'a', { leaseDurationMs: 10_000 });
    await bad.done;
    expect(bad.result).toContain('lease duration > renew deadline');
    const nameless = candidate(new LeaseStore(), clock, '');
    await nameless.done;
    expect(nameless.result).toContain('needs an identity');
    expect(new LeaseLostError('x').name).toBe('LeaseLostError');
  });
});

describe('microTime', () => {
  it('has six digits', () => {
    expect(microTime(new Date('2026-01-02T03:04:05.678Z'))).toBe('2026-01-02T03:04:05.678000Z');
  });
});
