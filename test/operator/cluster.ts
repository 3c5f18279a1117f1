/** A control plane of its own for a test file, and the few verbs the operator's tests need. */
import type { CpuProfileSpec } from '../../crds/cpu-profile.ts';
import { API_VERSION, configMapName, CPU_PROFILES, NODE_CPUS } from '../../crds/kinds.ts';
import type { NodeVerdict } from '../../crds/node-cpu.ts';
import { createClient } from '../../kube/client.ts';
import { loadConfig } from '../../kube/config.ts';
import { CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS } from '../../kube/core.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { ApiClient, KubeObject } from '../../kube/types.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/start.ts';
import type { ConfigMapObject, CpuProfileObject } from '../../operator/controllers/profile/objects.ts';
import type { PodObject } from '../../operator/controllers/profile/pod-use.ts';
import { eventually } from './eventually.ts';

export type PodSpec = NonNullable<PodObject['spec']>;
type Condition = NonNullable<NonNullable<CpuProfileObject['status']>['conditions']>[number];

export const ENABLED = { 'cpuprofiles.dev/delivery': 'enabled' };
const MANAGER = { fieldManager: 'test' };

export class TestCluster {
  readonly plane: ControlPlane;
  readonly client: ApiClient & { close(): void };

  constructor(plane: ControlPlane, client: TestCluster['client']) {
    this.plane = plane;
    this.client = client;
  }

  static async start(): Promise<TestCluster> {
    const plane = await startControlPlane({ crds: true });
    const config = await loadConfig({ env: {}, kubeconfig: plane.kubeconfig });
    return new TestCluster(plane, createClient(config));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.plane.stop();
  }

  /** With the service account that pods need and no controller makes here. */
  async namespace(name: string, labels: Record<string, string> = ENABLED): Promise<void> {
    await this.client.create(NAMESPACES, { metadata: { name, labels } });
    await this.client.create(
      SERVICE_ACCOUNTS,
      { metadata: { name: 'default', namespace: name } },
      { namespace: name },
    );
  }

  /** Exactly these labels, beside the name that the API server adds. */
  async labelNamespace(name: string, labels: Record<string, string>): Promise<void> {
    const namespace = await this.client.get<KubeObject>(NAMESPACES, name);
    await this.client.replace(NAMESPACES, { ...namespace, metadata: { ...namespace.metadata, labels } });
  }

  /** `spec` may be wrong on purpose: the API server judges it. */
  profile(name: string, spec: CpuProfileSpec): Promise<CpuProfileObject> {
    return this.client.create<CpuProfileObject>(CPU_PROFILES, {
      apiVersion: API_VERSION,
      kind: CPU_PROFILES.kind,
      metadata: { name },
      spec,
    });
  }

  getProfile(name: string): Promise<CpuProfileObject> {
    return this.client.get<CpuProfileObject>(CPU_PROFILES, name);
  }

  async deliver(name: string, delivery: CpuProfileSpec['delivery']): Promise<void> {
    const {
      apiVersion = API_VERSION,
      kind = CPU_PROFILES.kind,
      metadata,
      spec,
    } = await this.getProfile(name);
    const { name: own, resourceVersion = '' } = metadata;
    await this.client.replace<CpuProfileObject>(CPU_PROFILES, {
      apiVersion,
      kind,
      metadata: { name: own, resourceVersion },
      spec: { ...spec, delivery },
    });
  }

  async condition(profile: string, type: string): Promise<Condition | undefined> {
    const { status } = await this.getProfile(profile);
    return status?.conditions?.find((condition) => condition.type === type);
  }

  /** The condition once it has this reason. */
  reason(profile: string, type: string, reason: string, withinMs?: number): Promise<Condition> {
    let last: Condition | undefined;
    return eventually(
      `${type} of ${profile} has the reason ${reason}`,
      async () => {
        last = await this.condition(profile, type);
        return last?.reason === reason && last;
      },
      withinMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`, { cause: error });
    });
  }

  /** undefined when it does not exist. */
  async configMap(profile: string, namespace: string): Promise<ConfigMapObject | undefined> {
    try {
      return await this.client.get<ConfigMapObject>(CONFIG_MAPS, configMapName(profile), namespace);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  delivered(profile: string, namespace: string, withinMs?: number): Promise<ConfigMapObject> {
    const what = `ConfigMap of ${profile} in ${namespace}`;
    return eventually(what, () => this.configMap(profile, namespace), withinMs);
  }

  removed(profile: string, namespace: string): Promise<true> {
    const what = `no ConfigMap of ${profile} in ${namespace}`;
    return eventually(what, async () => (await this.configMap(profile, namespace)) === undefined);
  }

  /** Exists and nothing runs it: there is no kubelet. */
  async pod(
    name: string,
    namespace: string,
    spec: PodSpec,
    labels: Record<string, string> = {},
  ): Promise<void> {
    const containers = [{ name: 'c', image: 'none', ...spec.containers?.[0] }];
    const pod = { metadata: { name, namespace, labels }, spec: { ...spec, containers } };
    await this.client.create<PodObject>(PODS, pod, { namespace });
  }

  deletePod(name: string, namespace: string): Promise<void> {
    return this.client.delete(PODS, name, { namespace, gracePeriodSeconds: 0 });
  }

  async podPhase(name: string, namespace: string, phase: string): Promise<void> {
    await this.client.apply<PodObject>(
      PODS,
      { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, status: { phase } },
      { ...MANAGER, namespace, subresource: 'status', force: true },
    );
  }

  /** What an agent would say of its node. */
  async nodeCpu(name: string, verdicts: Partial<NodeVerdict>[]): Promise<void> {
    const head = { apiVersion: API_VERSION, kind: NODE_CPUS.kind, metadata: { name } };
    await this.client.apply<KubeObject & { spec: object }>(NODE_CPUS, { ...head, spec: {} }, MANAGER);
    const base = { proven: false, since: '2026-01-01T00:00:00Z', reason: 'Compatible', findings: 0 };
    const status = { verdicts: verdicts.map((verdict) => ({ ...base, ...verdict })) };
    await this.client.apply<KubeObject & { status: object }>(
      NODE_CPUS,
      { ...head, status },
      { ...MANAGER, subresource: 'status', force: true },
    );
  }
}
