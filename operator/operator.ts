/** The operator as a whole: caches on every replica, controllers on the one that leads. */
import { CPU_PROFILES, MANAGED_BY, MANAGED_BY_LABEL, NODE_CPUS, OPERATOR_MANAGER } from '../crds/kinds.ts';
import type { Clock } from '../kube/clock.ts';
import { CONFIG_MAPS, NAMESPACES, splitKey } from '../kube/core.ts';
import { EventRecorder } from '../kube/events.ts';
import { runWithLease } from '../kube/leader-election.ts';
import type { Logger } from '../kube/logger.ts';
import { Reflector } from '../kube/reflector.ts';
import type { ApiClient } from '../kube/types.ts';
import { WorkQueue } from '../kube/workqueue.ts';
import { VerdictIndex } from './controllers/counts/verdict-index.ts';
import { type NodeCpuObject, VerdictPool } from './controllers/counts/verdict-pool.ts';
import type { ConfigMapObject, CpuProfileObject, NamespaceObject } from './controllers/profile/objects.ts';
import { ProfileReconciler } from './controllers/profile/reconcile.ts';
import { COUNTS_INTERVAL_MS } from './controllers/profile/status-writer.ts';
import { configMapView, namespaceView, profileOf, profileView } from './controllers/profile/views.ts';
import { createMetrics, type Metrics } from './metrics.ts';

export const LEASE_NAME = 'cpu-profile-operator';
/** Profiles that are worked on at the same time. */
const CONCURRENCY = 4;
/** An API server that was down for long must not be waited for much longer than it takes. */
const MAX_RETRY_MS = 30_000;
/** Bigger objects, smaller pages: reading one page must not hold up the event loop. */
const PAGES = { profiles: 25, configMaps: 10, nodeCpus: 100 };

export interface OperatorParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly version: string;
  /** Of the Lease. */
  readonly namespace: string;
  readonly identity: string;
  readonly leaderElect: boolean;
  /** How long what is in use is left before looking again. */
  readonly recheckMs?: number;
}

export class Operator {
  readonly metrics: Metrics;
  readonly #parts: OperatorParts;
  readonly #verdicts = new VerdictIndex();
  readonly #queue: WorkQueue;
  readonly #profiles;
  readonly #namespaces;
  readonly #configMaps;
  readonly #nodeCpus;

  constructor(parts: OperatorParts) {
    const { client, clock, random, log } = parts;
    this.#parts = parts;
    this.#queue = new WorkQueue({ clock, log, name: 'profile', maxDelayMs: MAX_RETRY_MS });
    const common = { client, clock, random, log };
    this.#profiles = new Reflector({
      ...common,
      resource: CPU_PROFILES,
      pageSize: PAGES.profiles,
      project: (object: CpuProfileObject) => profileView(object),
      onChange: (name) => this.#queue.add(name),
    });
    this.#namespaces = new Reflector({
      ...common,
      resource: NAMESPACES,
      project: (object: NamespaceObject) => namespaceView(object),
      onChange: () => this.#addAll(0),
    });
    this.#configMaps = new Reflector({
      ...common,
      resource: CONFIG_MAPS,
      list: { labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` },
      pageSize: PAGES.configMaps,
      project: (object: ConfigMapObject) => configMapView(object),
      onChange: (key) => this.#addProfileOf(key),
    });
    const pool = new VerdictPool();
    this.#nodeCpus = new Reflector({
      ...common,
      resource: NODE_CPUS,
      pageSize: PAGES.nodeCpus,
      project: (object: NodeCpuObject) => pool.read(object),
      onChange: (node) => this.#countNode(node),
    });
    this.metrics = createMetrics(parts.version, {
      profiles: () => this.#profiles.values(),
      configMapProfiles: () => this.#configMaps.values().flatMap(({ profile }) => profile ?? []),
    });
  }

  /** undefined once every cache is filled, also on the replica that waits; otherwise what is missing. */
  notReady(): string | undefined {
    const caches = {
      cpuprofiles: this.#profiles,
      namespaces: this.#namespaces,
      configmaps: this.#configMaps,
      nodecpus: this.#nodeCpus,
    };
    const missing = Object.entries(caches).filter(([, cache]) => !cache.hasSynced);
    return missing.length === 0 ? undefined : `not yet listed: ${missing.map(([name]) => name).join(', ')}`;
  }

  /**
   * Until `signal` aborts; then resolves with nothing under way and the Lease given back. Throws when the Lease is
   * lost: the process must end, because another one leads.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, random, log, namespace, identity, leaderElect } = this.#parts;
    const ending = new AbortController();
    const end = (): void => ending.abort(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const caches = [this.#profiles, this.#namespaces, this.#configMaps, this.#nodeCpus];
    const synced = Promise.all(caches.map((cache) => cache.synced()));
    synced.catch(() => undefined);
    const running = caches.map((cache) => cache.run(ending.signal));
    const lead = (leading: AbortSignal): Promise<void> => this.#lead(synced, leading);
    try {
      if (leaderElect) {
        await runWithLease({
          client,
          clock,
          random,
          log,
          namespace,
          identity,
          name: LEASE_NAME,
          signal,
          lead,
        });
      } else {
        await lead(ending.signal);
      }
    } finally {
      ending.abort();
      signal.removeEventListener('abort', end);
      await Promise.all(running);
    }
  }

  async #lead(synced: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const { client, clock, log, random, identity } = this.#parts;
    try {
      await untilAborted(synced, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (signal.aborted) return;
    const unique = Math.floor(random() * 0xffffffff)
      .toString(16)
      .padStart(8, '0');
    const events = new EventRecorder({
      client,
      clock,
      log,
      component: OPERATOR_MANAGER,
      instance: identity,
      unique,
    });
    const reconciler = new ProfileReconciler({
      client,
      clock,
      log,
      events,
      verdicts: this.#verdicts,
      caches: { profiles: this.#profiles, namespaces: this.#namespaces, configMaps: this.#configMaps },
      ...(this.#parts.recheckMs !== undefined && { recheckMs: this.#parts.recheckMs }),
    });
    this.metrics.setLeader(true);
    try {
      await this.#queue.run(
        (name) => this.metrics.timed('profile', () => reconciler.reconcile(name, signal)),
        {
          concurrency: CONCURRENCY,
          signal,
        },
      );
    } finally {
      this.metrics.setLeader(false);
      events.close();
    }
  }

  #addAll(afterMs: number): void {
    for (const name of this.#profiles.keys()) this.#queue.addAfter(name, afterMs);
  }

  #addProfileOf(key: string): void {
    const profile = profileOf(splitKey(key).name);
    if (profile !== undefined) this.#queue.add(profile);
  }

  #countNode(node: string): void {
    const changed = this.#verdicts.update(node, this.#nodeCpus.get(node));
    if (changed === 'all') this.#addAll(COUNTS_INTERVAL_MS);
    else for (const name of changed) this.#queue.addAfter(name, COUNTS_INTERVAL_MS);
  }
}

/** Resolves with `promise`, or as soon as the signal aborts. */
async function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop, { once: true });
    promise
      .then(stop, reject)
      .finally(() => signal.removeEventListener('abort', stop))
      .catch(() => undefined);
  });
}
