/** The operator's metrics, all under the prefix cpuprofiles_. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ProfileView } from './controllers/profile/views.ts';

/** What is read from the caches when somebody scrapes. */
export interface MetricSources {
  readonly profiles: () => Iterable<ProfileView>;
  /** The profile label of each ConfigMap that is ours. */
  readonly configMapProfiles: () => Iterable<string>;
}

export interface Metrics {
  readonly registry: Registry;
  readonly setLeader: (leads: boolean) => void;
  /** Runs `work` and records how long it took and whether it threw. */
  readonly timed: <T>(controller: string, work: () => Promise<T>) => Promise<T>;
}

const condition = ({ status }: ProfileView, type: string): string | undefined =>
  status?.conditions?.find((candidate) => candidate.type === type)?.status;

/** One word for where a profile stands. */
export function stateOf(profile: ProfileView): 'new' | 'rejected' | 'undelivered' | 'ready' {
  const accepted = condition(profile, 'Accepted');
  if (accepted === undefined) return 'new';
  if (accepted !== 'True') return 'rejected';
  return condition(profile, 'Delivered') === 'True' ? 'ready' : 'undelivered';
}

const RESULTS = ['compatible', 'incompatible', 'unknown', 'held'] as const;

/** Only the leader reports on objects: two replicas must not add up to twice the fleet. */
export function createMetrics(version: string, sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  let leading = false;
  collectDefaultMetrics({ register: registry, prefix: 'cpuprofiles_' });
  new Gauge({
    name: 'cpuprofiles_build_info',
    help: 'Always 1; the version is the label',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  const leader = new Gauge({
    name: 'cpuprofiles_leader',
    help: '1 while this replica leads and writes',
    registers,
  });
  new Gauge({
    name: 'cpuprofiles_profiles',
    help: 'CpuProfiles by state',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      if (!leading) return;
      for (const state of ['new', 'rejected', 'undelivered', 'ready']) this.set({ state }, 0);
      for (const profile of sources.profiles()) this.inc({ state: stateOf(profile) });
    },
  });
  new Gauge({
    name: 'cpuprofiles_profile_nodes',
    help: 'Nodes by profile and result; held is counted beside the other three',
    labelNames: ['profile', 'result'],
    registers,
    collect() {
      this.reset();
      if (!leading) return;
      for (const { name: profile, status } of sources.profiles()) {
        for (const result of RESULTS) this.set({ profile, result }, status?.nodes?.[result] ?? 0);
      }
    },
  });
  new Gauge({
    name: 'cpuprofiles_configmaps',
    help: 'ConfigMaps by the profile they hold, also of profiles that are gone',
    labelNames: ['profile'],
    registers,
    collect() {
      this.reset();
      if (!leading) return;
      for (const profile of sources.configMapProfiles()) this.inc({ profile });
    },
  });
  const duration = new Histogram({
    name: 'cpuprofiles_reconcile_duration_seconds',
    help: 'How long one reconciliation took',
    labelNames: ['controller'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const errors = new Counter({
    name: 'cpuprofiles_reconcile_errors_total',
    help: 'Reconciliations that failed and are tried again',
    labelNames: ['controller'],
    registers,
  });
  leader.set(0);
  errors.inc({ controller: 'profile' }, 0);
  return {
    registry,
    setLeader: (leads) => {
      leading = leads;
      leader.set(leads ? 1 : 0);
    },
    timed: async (controller, work) => {
      const stop = duration.startTimer({ controller });
      try {
        return await work();
      } catch (error) {
        errors.inc({ controller });
        throw error;
      } finally {
        stop();
      }
    },
  };
}
