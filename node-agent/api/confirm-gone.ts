/** Whether CpuProfiles are really gone: the one question whose answer may take a label away. */
import { CPU_PROFILES } from '../../crds/kinds.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../../kube/core.ts';
import { isObjectGone } from '../../kube/errors.ts';
import type { ApiClient, Condition, KubeObject } from '../../kube/types.ts';

interface Definition extends KubeObject {
  status?: { conditions?: Pick<Condition, 'type' | 'status'>[] };
}

export interface Confirmation {
  /** Empty unless everything that was asked was answered well. */
  readonly gone: ReadonlySet<string>;
  /** Why others of the profiles are not confirmed gone; for the log. */
  readonly doubt: string | undefined;
  /** What the client threw, when asking again may help. */
  readonly error: unknown;
}

const DEFINITION = `${CPU_PROFILES.plural}.${CPU_PROFILES.group}`;

/**
 * A profile is gone only when the API server answers a direct read with its own NotFound for this very name, and the
 * kind itself is well: while a CustomResourceDefinition is being deleted the server deletes its objects and says
 * the same of them, but nobody has asked for a profile to go. The definition is read last: its deletion never turns
 * back, so one that is well now was well when the profiles were not found. Never throws.
 */
export async function confirmGone(
  client: Pick<ApiClient, 'get'>,
  profiles: readonly string[],
): Promise<Confirmation> {
  const missing = new Set<string>();
  let doubt: string | undefined;
  for (const profile of profiles) {
    try {
      await client.get(CPU_PROFILES, profile);
      doubt = `${profile} exists`;
    } catch (error) {
      // Whatever else it is, it is true of the next profile as well: a fleet must not ask it for each of them.
      if (!isObjectGone(error, profile)) return { gone: new Set(), doubt: textOf(error), error };
      missing.add(profile);
    }
  }
  if (missing.size === 0) return { gone: missing, doubt, error: undefined };
  try {
    const definition = await client.get<Definition>(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION);
    const ill = illness(definition);
    return { gone: ill === undefined ? missing : new Set(), doubt: ill ?? doubt, error: undefined };
  } catch (error) {
    return { gone: new Set(), doubt: textOf(error), error };
  }
}

function illness({ metadata, status }: Definition): string | undefined {
  if (metadata.deletionTimestamp !== undefined)
    return `CustomResourceDefinition ${DEFINITION} is being deleted`;
  const established = status?.conditions?.some(
    ({ type, status: is }) => type === 'Established' && is === 'True',
  );
  return established === true ? undefined : `CustomResourceDefinition ${DEFINITION} is not established`;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
