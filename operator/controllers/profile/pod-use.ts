/** Does a pod use a profile's ConfigMap? As long as one does, the ConfigMap stays. */
import { configMapName, PROFILE_LABEL } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../kube/types.ts';

interface EnvSource {
  env?: { valueFrom?: { configMapKeyRef?: { name?: string } } }[];
  envFrom?: { configMapRef?: { name?: string } }[];
}

export interface PodObject extends KubeObject {
  spec?: {
    volumes?: {
      configMap?: { name?: string };
      projected?: { sources?: { configMap?: { name?: string } }[] };
    }[];
    containers?: EnvSource[];
    initContainers?: EnvSource[];
    ephemeralContainers?: EnvSource[];
  };
  status?: { phase?: string };
}

const refersTo = ({ env = [], envFrom = [] }: EnvSource, name: string): boolean =>
  env.some(({ valueFrom }) => valueFrom?.configMapKeyRef?.name === name) ||
  envFrom.some(({ configMapRef }) => configMapRef?.name === name);

/**
 * true when the pod mounts the ConfigMap, reads it into its environment, or asks for the profile by its label.
 * A pod that has run to its end uses nothing any more.
 */
export function podUses({ metadata, spec, status }: PodObject, profile: string): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  if (metadata.labels?.[PROFILE_LABEL] === profile) return true;
  const name = configMapName(profile);
  const volumes = spec?.volumes ?? [];
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  return (
    volumes.some(
      ({ configMap, projected }) =>
        configMap?.name === name ||
        projected?.sources?.some((source) => source.configMap?.name === name) === true,
    ) || containers.some((container) => refersTo(container, name))
  );
}
