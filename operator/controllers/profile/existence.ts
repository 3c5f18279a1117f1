/** Does a CpuProfile really not exist? Only the API server's own word counts. */
import { CPU_PROFILES } from '../../../crds/kinds.ts';
import { isObjectGone } from '../../../kube/errors.ts';
import type { ApiClient } from '../../../kube/types.ts';

export type Existence = 'exists' | 'gone';

/** Throws whatever is not a clear answer: a missing CRD, a proxy's 404, no connection. */
export async function profileExists(
  client: ApiClient,
  name: string,
  signal: AbortSignal,
): Promise<Existence> {
  try {
    await client.get(CPU_PROFILES, name, undefined, signal);
    return 'exists';
  } catch (error) {
    if (isObjectGone(error, name)) return 'gone';
    throw error;
  }
}
