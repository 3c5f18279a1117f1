/**
 * Probes this machine: every CPU at the start and on request, one CPU in turn per interval, and remembers the
 * latest outcome. Between probes it waits on one timer and does nothing else.
 */
import type { Provenance } from '../crds/node-cpu.ts';
import type { Clock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import { snapshotName, type Snapshot } from '../profiles/model/snapshot.ts';
import type { ProbeOutcome } from './decide/input.ts';
import { KvmError } from './kvm/errors.ts';
import type { CpuProbe, MachineProbe } from './kvm/probe-machine.ts';

/** A failed probe is tried again sooner than a good one: the module may be loaded a minute after the boot. */
const RETRY_MS = 60_000;
/** After this many intervals without a probe the last one is no longer fresh. */
const STALE_INTERVALS = 3;

/** How to probe: node-agent/kvm in the program, recorded hosts in tests. */
export interface Machine {
  everyCpu(): Promise<MachineProbe>;
  /** The first CPU after `after`, round and round. */
  oneCpu(after: number | undefined): Promise<CpuProbe>;
  provenance(): Promise<Provenance>;
}

export interface ProbeMetrics {
  /** One CPU was probed, with this many milliseconds in the kernel. */
  cpuProbed(ioctlMilliseconds: number): void;
  /** `ok`, or the reason of the failure. */
  probed(result: string): void;
}

export interface ObserverOptions {
  readonly machine: Machine;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly intervalMs: number;
  readonly log: Logger;
  readonly metrics: ProbeMetrics;
  /** Called after every probe. */
  readonly onProbe: () => void;
}

/** The latest outcome together with what the verdicts are computed from. */
export interface Observation {
  readonly outcome: ProbeOutcome;
  /** Of a good probe. */
  readonly snapshot: Snapshot | undefined;
}

export class Observer {
  readonly #options: ObserverOptions;
  #latest: (Observation & { readonly monotonic: number }) | undefined;
  #lastCpu: number | undefined;
  #everyCpuWanted = true;
  #wake = new AbortController();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** The latest outcome, as a failure when it is too old to act on; undefined before the first probe has ended. */
  latest(): Observation | undefined {
    const { clock, intervalMs } = this.#options;
    if (this.#latest?.outcome.good !== true) return this.#latest;
    const age = clock.monotonic() - this.#latest.monotonic;
    if (age <= STALE_INTERVALS * intervalMs) return this.#latest;
    const message = `the last good probe was at ${this.#latest.outcome.at.toISOString()}, and none has ended since`;
    return { outcome: { good: false, reason: 'ProbeStale', message }, snapshot: undefined };
  }

  /** Probe every CPU as soon as possible. */
  requestEveryCpu(): void {
    this.#everyCpuWanted = true;
    this.#wake.abort();
  }

  /** Probes until `signal` aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, intervalMs, onProbe } = this.#options;
    const stop = (): void => this.#wake.abort();
    const stopped = (): boolean => signal.aborted;
    signal.addEventListener('abort', stop, { once: true });
    while (!stopped()) {
      this.#wake = new AbortController();
      await this.#probe();
      onProbe();
      const wait = this.#latest?.outcome.good === true ? intervalMs : Math.min(intervalMs, RETRY_MS);
      // A wait that has not begun yet could not be ended by either.
      if (stopped() || this.#everyCpuWanted) continue;
      await clock.delay(wait * (0.9 + 0.2 * random()), this.#wake.signal);
    }
    signal.removeEventListener('abort', stop);
  }

  async #probe(): Promise<void> {
    const everyCpu = this.#everyCpuWanted || this.#latest?.outcome.good !== true;
    this.#everyCpuWanted = false;
    try {
      const snapshot = everyCpu ? await this.#everyCpu() : await this.#oneCpu();
      await this.#remember(snapshot);
      this.#options.metrics.probed('ok');
    } catch (error) {
      this.#fail(error);
    }
  }

  async #everyCpu(): Promise<Snapshot> {
    const { machine, metrics } = this.#options;
    const { snapshot, cpus } = await machine.everyCpu();
    for (const { ioctlMilliseconds } of cpus) metrics.cpuProbed(ioctlMilliseconds);
    this.#lastCpu = cpus.at(-1)?.cpu;
    return snapshot;
  }

  async #oneCpu(): Promise<Snapshot> {
    const { machine, metrics, log } = this.#options;
    const { snapshot, cpu, ioctlMilliseconds } = await machine.oneCpu(this.#lastCpu);
    metrics.cpuProbed(ioctlMilliseconds);
    this.#lastCpu = cpu;
    const known = this.#latest?.outcome;
    if (known?.good === true && known.snapshot === snapshotName(snapshot)) return snapshot;
    // New microcode, another module parameter, or a CPU that differs: only all CPUs together can tell.
    log.info({ cpu }, 'a CPU answers differently than before: probing every CPU');
    return this.#everyCpu();
  }

  async #remember(snapshot: Snapshot): Promise<void> {
    const { machine, clock, log } = this.#options;
    const name = snapshotName(snapshot);
    const provenance = await machine.provenance();
    const before = this.#latest?.outcome;
    const changed = before?.good !== true || before.snapshot !== name;
    if (changed) log.info({ snapshot: name }, 'probed');
    this.#latest = {
      outcome: { good: true, snapshot: name, vendor: snapshot.vendor, provenance, at: clock.now() },
      // The old one when it says the same: whoever holds it need not hold two.
      snapshot: changed ? snapshot : this.#latest?.snapshot,
      monotonic: clock.monotonic(),
    };
  }

  #fail(error: unknown): void {
    const { clock, log, metrics } = this.#options;
    const reason = error instanceof KvmError ? error.reason : 'ProbeFailed';
    const text = error instanceof Error ? error.message : String(error);
    const message = error instanceof KvmError ? `${text}. ${error.remedy}` : text;
    log.error({ err: error, reason }, 'the probe failed: labels stay as they are');
    metrics.probed(reason);
    this.#latest = {
      outcome: { good: false, reason, message },
      snapshot: undefined,
      monotonic: clock.monotonic(),
    };
  }
}
