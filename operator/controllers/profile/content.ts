/** A profile's ConfigMap, and the one number by which two contents are compared. */
import { createHash } from 'node:crypto';
import {
  configMapName,
  DIGEST_ANNOTATION,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  PROFILE_LABEL,
} from '../../../crds/kinds.ts';
import type { ConfigMapObject } from './objects.ts';

/** SHA-256 of the files, whatever order the keys come in. */
export function contentHash(files: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(files).sort(([left], [right]) => (left < right ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

/** No ownerReference: garbage collection would take the ConfigMap from running pods within milliseconds. */
export const configMapObject = (
  profile: string,
  namespace: string,
  digest: string,
  files: Record<string, string>,
): ConfigMapObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: configMapName(profile),
    namespace,
    labels: { [MANAGED_BY_LABEL]: MANAGED_BY, [PROFILE_LABEL]: profile },
    annotations: { [DIGEST_ANNOTATION]: digest },
  },
  immutable: true,
  data: files,
});
