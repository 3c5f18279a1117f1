/** Carries out one delivery action in one namespace, and says how it went. */
import { configMapName, OPERATOR_MANAGER } from '../../../crds/kinds.ts';
import { CONFIG_MAPS, PODS } from '../../../kube/core.ts';
import { ApiError, isConflict, isNotFound } from '../../../kube/errors.ts';
import type { ApiClient } from '../../../kube/types.ts';
import { firstOf } from '../../sentences.ts';
import { configMapObject } from './content.ts';
import type { Action, Desired } from './decide.ts';
import type { ConfigMapObject } from './objects.ts';
import { configMapView, type ConfigMapView } from './views.ts';
import { podUses, type PodObject } from './pod-use.ts';
import type { Outcome } from './status.ts';

export interface DeliveryContext {
  readonly client: ApiClient;
  readonly profile: string;
  /** undefined: nothing is to be created, because the profile is gone or cannot be delivered. */
  readonly desired: Desired | undefined;
  readonly signal: AbortSignal;
}

/** `again`: the object changed under our hands; a second look soon settles it. */
export interface Step extends Outcome {
  readonly again?: boolean;
}

const POD_PAGE = 500;

/**
 * Performs `action`. What the API server refuses in this namespace is an outcome, so that the others go on.
 * Throws ConnectionError and those ApiErrors that say nothing about this namespace (401, 408, 429, 502 to 504).
 */
export async function perform(context: DeliveryContext, action: Action): Promise<Step> {
  const { desired } = context;
  const { namespace } = action;
  switch (action.do) {
    case 'avoid':
      return { namespace, result: 'foreign' };
    case 'keep':
      return { namespace, result: desired === undefined ? 'kept' : 'delivered' };
    case 'create':
      return desired === undefined ? { namespace, result: 'skipped' } : create(context, namespace, desired);
    case 'replace':
    case 'remove': {
      const cleared = await clear(context, action);
      if (cleared !== 'gone') return cleared;
      return action.do === 'replace' && desired !== undefined
        ? create(context, namespace, desired)
        : { namespace, result: 'removed' };
    }
  }
}

/** Deletes a ConfigMap that no pod uses; otherwise says why it stays. */
async function clear(
  context: DeliveryContext,
  { do: what, namespace, configMap }: Extract<Action, { do: 'replace' | 'remove' | 'keep' }>,
): Promise<Step | 'gone'> {
  const kept = what === 'replace' ? 'outdated' : 'surplus';
  try {
    const detail = await usedBy(context, namespace);
    if (detail !== undefined) return { namespace, result: kept, detail };
    const result = await deleteThis(context, configMap);
    return result === 'gone' ? 'gone' : { namespace, result: kept, again: true };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const detail = `cannot be removed: ${error.body?.message ?? error.message}`;
    return { namespace, result: what === 'replace' ? 'refused' : kept, detail, exists: true };
  }
}

/** The pods of a namespace that use the profile's ConfigMap, as text; undefined when there are none. */
async function usedBy(context: DeliveryContext, namespace: string): Promise<string | undefined> {
  const { client, profile, signal } = context;
  let from: string | undefined;
  do {
    const next = from === undefined ? {} : { continue: from };
    const page = await client.list<PodObject>(PODS, { namespace, limit: POD_PAGE, ...next, signal });
    const users = page.items.filter((pod) => podUses(pod, profile)).map(({ metadata }) => metadata.name);
    // One page with a user answers the question; a namespace may hold thousands of pods.
    if (users.length > 0) return `used by ${users.length === 1 ? 'pod' : 'pods'} ${firstOf(users, 3)}`;
    from = page.continue === '' ? undefined : page.continue;
  } while (from !== undefined);
  return undefined;
}

/** Deletes this very object; 'changed' when it is no longer what the decision was made on. */
async function deleteThis(context: DeliveryContext, configMap: ConfigMapView): Promise<'gone' | 'changed'> {
  const { name, namespace, uid, resourceVersion } = configMap;
  const { client, signal } = context;
  try {
    await client.delete(CONFIG_MAPS, name, { namespace, uid, resourceVersion, signal });
    return 'gone';
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    if (isConflict(error)) return 'changed';
    throw error;
  }
}

async function create(context: DeliveryContext, namespace: string, desired: Desired): Promise<Step> {
  const { client, profile, signal } = context;
  const object = configMapObject(profile, namespace, desired.digest, desired.files());
  try {
    await client.create(CONFIG_MAPS, object, { namespace, fieldManager: OPERATOR_MANAGER, signal });
    return { namespace, result: 'delivered' };
  } catch (error) {
    if (error instanceof ApiError && error.body?.reason === 'AlreadyExists') {
      return whatStandsThere(context, namespace, desired);
    }
    if (!isRefusal(error)) throw error;
    if (namespaceIsLeaving(error)) return { namespace, result: 'skipped' };
    return { namespace, result: 'refused', detail: error.body?.message ?? error.message };
  }
}

const SAYS_NOTHING = [401, 408, 429, 502, 503, 504];

/** The API server's no to this very request; 500 is what it says when an admission webhook fails. */
const isRefusal = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status >= 400 && !SAYS_NOTHING.includes(error.status);

const namespaceIsLeaving = (error: ApiError): boolean =>
  error.status === 404 ||
  error.body?.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true;

/** The cache sees only labelled ConfigMaps, and may lag: what exists there is asked of the server. */
async function whatStandsThere(
  { client, profile, signal }: DeliveryContext,
  namespace: string,
  desired: Desired,
): Promise<Step> {
  try {
    const name = configMapName(profile);
    const found = configMapView(await client.get<ConfigMapObject>(CONFIG_MAPS, name, namespace, signal));
    if (found.profile !== profile) return { namespace, result: 'foreign' };
    const right = found.hash === desired.hash && found.digest === desired.digest;
    return right ? { namespace, result: 'delivered' } : { namespace, result: 'outdated', again: true };
  } catch (error) {
    if (isNotFound(error)) return { namespace, result: 'skipped', again: true };
    throw error;
  }
}
