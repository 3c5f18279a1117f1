/** What a candidate knows of the Lease, and what it would write: no I/O here. */
import type { Clock } from './clock.ts';
import { LEASES, type Lease, apiVersionOf } from './core.ts';

/** MicroTime: the API server refuses anything but six digits of a second. */
export const microTime = (date: Date): string => date.toISOString().replace(/Z$/, '000Z');

export class LeaseRecord {
  readonly #identity: string;
  readonly #clock: Clock;
  readonly #durationMs: number;
  #lease: Lease | undefined;
  #seen = '';
  /** Local, monotonic: clocks of other machines are not trusted. */
  #changedAt = 0;

  constructor(identity: string, clock: Clock, durationMs: number) {
    this.#identity = identity;
    this.#clock = clock;
    this.#durationMs = durationMs;
  }

  get holder(): string | undefined {
    const holder = this.#lease?.spec?.holderIdentity;
    return holder === undefined || holder === '' ? undefined : holder;
  }

  /** Takes note of a lease just read or written. Its time counts from when its content last changed. */
  observe(lease: Lease): void {
    const seen = JSON.stringify(lease.spec ?? {});
    if (seen !== this.#seen) {
      this.#seen = seen;
      this.#changedAt = this.#clock.monotonic();
    }
    this.#lease = lease;
  }

  /** Another process holds it, and its time is not over. */
  isTaken(): boolean {
    if (this.holder === undefined || this.holder === this.#identity) return false;
    const seconds = this.#lease?.spec?.leaseDurationSeconds ?? this.#durationMs / 1000;
    return this.#clock.monotonic() - this.#changedAt < seconds * 1000;
  }

  /** The lease as a renewal without a read before would write it; undefined unless this process holds it. */
  renewed(): Lease | undefined {
    if (this.#lease === undefined || this.holder !== this.#identity) return undefined;
    return this.#with(this.#lease, { renewTime: microTime(this.#clock.now()) });
  }

  /** `lease`, just read, taken over. The resourceVersion stays, so that only one of several can succeed. */
  claimed(lease: Lease): Lease {
    const now = microTime(this.#clock.now());
    if (lease.spec?.holderIdentity === this.#identity) return this.#with(lease, { renewTime: now });
    return this.#with(lease, {
      acquireTime: now,
      renewTime: now,
      leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1,
    });
  }

  fresh(namespace: string, name: string): Lease {
    const now = microTime(this.#clock.now());
    const lease: Lease = {
      apiVersion: apiVersionOf(LEASES),
      kind: LEASES.kind,
      metadata: { namespace, name },
    };
    return this.#with(lease, { acquireTime: now, renewTime: now, leaseTransitions: 0 });
  }

  /** Given back: empty holder, and so short a duration that nobody waits. undefined unless this process holds it. */
  released(): Lease | undefined {
    if (this.#lease === undefined || this.holder !== this.#identity) return undefined;
    const now = microTime(this.#clock.now());
    return {
      ...this.#lease,
      spec: {
        ...this.#lease.spec,
        holderIdentity: '',
        leaseDurationSeconds: 1,
        renewTime: now,
        acquireTime: now,
      },
    };
  }

  #with(lease: Lease, spec: NonNullable<Lease['spec']>): Lease {
    return {
      ...lease,
      spec: {
        ...lease.spec,
        holderIdentity: this.#identity,
        leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
        ...spec,
      },
    };
  }
}
