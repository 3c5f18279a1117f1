/** The agent put together: it probes, watches the CpuProfiles and its own Node, and reconciles when one of them changed. */
import { CPU_PROFILES } from '../crds/kinds.ts';
import type { Clock } from '../kube/clock.ts';
import { NODES } from '../kube/core.ts';
import { EventRecorder } from '../kube/events.ts';
import type { Logger } from '../kube/logger.ts';
import { Reflector } from '../kube/reflector.ts';
import type { ApiClient, KubeObject } from '../kube/types.ts';
import { WorkQueue } from '../kube/workqueue.ts';
import { nodeSignature } from './api/node.ts';
import { Assessor } from './assess.ts';
import type { AgentMetrics } from './metrics.ts';
import { Observer, type Machine } from './observer.ts';
import type { EventSink, ProfileView } from './provided.ts';
import { Reconciler } from './reconcile.ts';

export interface AgentOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly machine: Machine;
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: AgentMetrics;
}

/** The work queue has one key: a round always looks at everything. */
const ROUND = 'node';
const SHORTEST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;

interface CpuProfileObject extends KubeObject {
  spec?: unknown;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #queue: WorkQueue;
  readonly #profiles: Reflector<ProfileView, CpuProfileObject>;
  readonly #node: Reflector<string>;
  readonly #observer: Observer;
  readonly #recorder: EventRecorder;
  readonly #reconciler: Reconciler;
  #nodeSignature: string | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { client, nodeName, machine, intervalMs, clock, random, log, metrics } = options;
    this.#queue = new WorkQueue({
      clock,
      log,
      name: 'agent',
      baseDelayMs: SHORTEST_RETRY_MS,
      maxDelayMs: LONGEST_RETRY_MS,
    });
    const round = (): void => this.#queue.add(ROUND);
    this.#profiles = new Reflector<ProfileView, CpuProfileObject>({
      client,
      resource: CPU_PROFILES,
      project: profileView,
      clock,
      random,
      log,
      onChange: round,
    });
    this.#node = new Reflector({
      client,
      resource: NODES,
      list: { fieldSelector: `metadata.name=${nodeName}`, metadataOnly: true },
      project: nodeSignature,
      clock,
      random,
      log,
      onChange: () => this.#nodeChanged(),
    });
    this.#observer = new Observer({ machine, clock, random, intervalMs, log, metrics, onProbe: round });
    this.#recorder = new EventRecorder({
      client,
      clock,
      log,
      component: 'cpu-profile-agent',
      instance: nodeName,
      unique: Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    });
    const events: EventSink = {
      record: ({ name, uid }, event) =>
        this.#recorder.record({ apiVersion: 'v1', kind: 'Node', name, uid }, event),
    };
    this.#reconciler = new Reconciler({
      client,
      nodeName,
      observer: this.#observer,
      profiles: this.#profiles,
      assessor: new Assessor({ clock, log }),
      events,
      metrics,
      clock,
      log,
    });
  }

  /**
   * undefined once a round has gone through to its end. That a probe failed is such an end: the pod is as ready as it
   * can be on that machine, and its NodeCpu says what is wrong. A pod that stays unready for it would stop the
   * rollout of a new version to all the other nodes.
   */
  notReady(): string | undefined {
    return this.#reconciler.ready ? undefined : 'no round has been completed yet';
  }

  /** Probe every CPU now. */
  requestEveryCpu(): void {
    this.#observer.requestEveryCpu();
  }

  /** Until `signal` aborts. Errors of the API server and of KVM are tried again for ever. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#observer.run(signal),
      this.#profiles.run(signal),
      this.#node.run(signal),
      this.#queue.run(() => this.#reconciler.reconcile(), { signal }),
      // A kind that does not exist yet never lists: the first list has to start a round even when it is empty.
      this.#profiles.synced().then(
        () => this.#queue.add(ROUND),
        () => undefined,
      ),
    ]);
    this.#recorder.close();
  }

  /** A Node changes with every heartbeat of its kubelet: only our labels and its identity matter. */
  #nodeChanged(): void {
    const signature = this.#node.get(this.#options.nodeName);
    if (signature === this.#nodeSignature) return;
    this.#nodeSignature = signature;
    this.#queue.add(ROUND);
  }
}

function profileView({ metadata, spec }: CpuProfileObject): ProfileView {
  const { name, uid, generation } = metadata;
  return { name, uid: uid ?? '', generation: generation ?? 0, spec: JSON.stringify(spec ?? null) };
}
