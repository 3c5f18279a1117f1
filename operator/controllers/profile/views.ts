/** What the operator keeps of the objects it watches: the fields its decisions need, and nothing else. */
import {
  configMapName,
  DIGEST_ANNOTATION,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  PROFILE_LABEL,
} from '../../../crds/kinds.ts';
import type { CpuProfileSpec, CpuProfileStatus } from '../../../crds/cpu-profile.ts';
import { contentHash } from './content.ts';
import type { ConfigMapObject, CpuProfileObject, NamespaceObject } from './objects.ts';

export interface ProfileView {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly spec: CpuProfileSpec;
  readonly status: CpuProfileStatus | undefined;
}

export interface NamespaceView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** On its way out: nothing can be created in it, and what it holds goes by itself. */
  readonly terminating: boolean;
}

export interface ConfigMapView {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The profile it is labelled with, when it is labelled as ours; undefined: somebody else's. */
  readonly profile: string | undefined;
  /** The digest annotation. */
  readonly digest: string | undefined;
  /** contentHash of the data; undefined when it is not the immutable text that we write. */
  readonly hash: string | undefined;
}

export const profileView = ({ metadata, spec, status }: CpuProfileObject): ProfileView => ({
  name: metadata.name,
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
  generation: metadata.generation ?? 0,
  spec,
  status,
});

export const namespaceView = ({ metadata, status }: NamespaceObject): NamespaceView => ({
  name: metadata.name,
  labels: metadata.labels ?? {},
  terminating: metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating',
});

export function configMapView(configMap: ConfigMapObject): ConfigMapView {
  const { metadata, data, binaryData, immutable } = configMap;
  const { [MANAGED_BY_LABEL]: manager, [PROFILE_LABEL]: profile } = metadata.labels ?? {};
  const asWritten = immutable === true && Object.keys(binaryData ?? {}).length === 0;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    profile: manager === MANAGED_BY ? profile : undefined,
    digest: metadata.annotations?.[DIGEST_ANNOTATION],
    hash: asWritten ? contentHash(data ?? {}) : undefined,
  };
}

/** The profile whose ConfigMap would bear this name; undefined when no profile's would. */
export function profileOf(name: string): string | undefined {
  const prefix = configMapName('');
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}
