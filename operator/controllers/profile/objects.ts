/** The objects the operator reads and writes, as far as it looks at them. */
import type { CpuProfileSpec, CpuProfileStatus } from '../../../crds/cpu-profile.ts';
import type { KubeObject } from '../../../kube/types.ts';

export interface CpuProfileObject extends KubeObject {
  spec: CpuProfileSpec;
  status?: CpuProfileStatus;
}

export interface ConfigMapObject extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

export interface NamespaceObject extends KubeObject {
  status?: { phase?: string };
}
