/** The kinds of Kubernetes itself that this project reads or writes, and their JSON as far as it is used. */
import type { KubeObject, Resource } from './types.ts';

const core = (plural: string, kind: string, namespaced: boolean): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
});

export const NODES = core('nodes', 'Node', false);
export const NAMESPACES = core('namespaces', 'Namespace', false);
export const PODS = core('pods', 'Pod', true);
export const CONFIG_MAPS = core('configmaps', 'ConfigMap', true);
export const SECRETS = core('secrets', 'Secret', true);
export const SERVICE_ACCOUNTS = core('serviceaccounts', 'ServiceAccount', true);
export const EVENTS = core('events', 'Event', true);
export const LEASES: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const DAEMON_SETS: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'daemonsets',
  kind: 'DaemonSet',
  namespaced: true,
};
export const CUSTOM_RESOURCE_DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** `apiVersion` as objects of this kind carry it: `v1`, `apps/v1`. */
export const apiVersionOf = (resource: Resource): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;

/** The key under which an object is stored and queued: `name`, or `namespace/name`. */
export const keyOf = (object: KubeObject): string =>
  object.metadata.namespace === undefined || object.metadata.namespace === ''
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;

/** The two parts of a key; the namespace is undefined for a cluster-scoped object. */
export const splitKey = (key: string): { namespace: string | undefined; name: string } => {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  immutable?: boolean;
}

/** coordination.k8s.io/v1. The two times are MicroTime strings: RFC 3339 with six digits of a second. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}
