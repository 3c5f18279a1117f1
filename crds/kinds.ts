/** The group, the names of the kinds, and the labels and annotations that the public contract fixes. */

export const GROUP = 'cpuprofiles.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

const resource = <Plural extends string, Kind extends string>(plural: Plural, kind: Kind) =>
  ({ group: GROUP, version: VERSION, plural, kind, namespaced: false }) as const;

export const CPU_PROFILES = resource('cpuprofiles', 'CpuProfile');
export const CPU_SNAPSHOTS = resource('cpusnapshots', 'CpuSnapshot');
export const NODE_CPUS = resource('nodecpus', 'NodeCpu');
export const CPU_BASELINES = resource('cpubaselines', 'CpuBaseline');

/** Node label `profile.cpuprofiles.dev/<profile>: "true"`. */
export const PROFILE_LABEL_PREFIX = 'profile.cpuprofiles.dev/';
export const SNAPSHOT_LABEL = 'cpuprofiles.dev/snapshot';
export const VENDOR_LABEL = 'cpuprofiles.dev/vendor';
export const profileLabel = (profile: string): string => `${PROFILE_LABEL_PREFIX}${profile}`;

/** On a pod: asks for a profile. On a ConfigMap: the profile it renders. */
export const PROFILE_LABEL = 'cpuprofiles.dev/profile';
export const DIGEST_ANNOTATION = 'cpuprofiles.dev/digest';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'cpu-profile-operator';
/** The namespaces that get every profile's ConfigMap unless the profile selects others. */
export const DELIVERY_LABEL = { 'cpuprofiles.dev/delivery': 'enabled' } as const;
export const configMapName = (profile: string): string => `cpu-profile-${profile}`;

/** Field managers of server-side apply: one writer each. */
export const AGENT_MANAGER = 'cpu-profile-agent';
export const OPERATOR_MANAGER = 'cpu-profile-operator';
