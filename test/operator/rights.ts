/** The rights the operator needs, as it gets them from the chart: tests run the real program with no others. */
import type { KubeObject, Resource } from '../../kube/types.ts';
import type { TestCluster } from './cluster.ts';
import { SERVICE_ACCOUNTS } from '../../kube/core.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

export const CLUSTER_RULES: readonly Rule[] = [
  { apiGroups: ['cpuprofiles.dev'], resources: ['cpuprofiles'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['cpuprofiles.dev'], resources: ['cpuprofiles/status'], verbs: ['patch'] },
  { apiGroups: ['cpuprofiles.dev'], resources: ['nodecpus'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
];
/** In the operator's own namespace. */
export const NAMESPACE_RULES: readonly Rule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
];

const rbac = (plural: string, kind: string, namespaced: boolean): Resource => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced,
});

const NAME = 'cpu-profile-operator';

/** A service account with these rights alone; answers the path of its kubeconfig. */
export async function operatorAccount(cluster: TestCluster, namespace: string): Promise<string> {
  const { client, plane } = cluster;
  const subjects = [{ kind: 'ServiceAccount', name: NAME, namespace }];
  const create = (resource: Resource, fields: object): Promise<KubeObject> => {
    const place = resource.namespaced ? { namespace } : {};
    return client.create<KubeObject>(resource, { metadata: { name: NAME, ...place }, ...fields }, place);
  };
  await create(SERVICE_ACCOUNTS, {});
  await create(rbac('clusterroles', 'ClusterRole', false), { rules: CLUSTER_RULES });
  await create(rbac('roles', 'Role', true), { rules: NAMESPACE_RULES });
  for (const [binding, kind, namespaced] of [
    ['clusterrolebindings', 'ClusterRole', false],
    ['rolebindings', 'Role', true],
  ] as const) {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind, name: NAME };
    await create(rbac(binding, `${kind}Binding`, namespaced), { roleRef, subjects });
  }
  return plane.serviceAccountKubeconfig(namespace, NAME);
}
