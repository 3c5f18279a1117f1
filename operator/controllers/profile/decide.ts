/** Which ConfigMaps a CpuProfile needs, and which of those that exist are no longer right. Pure. */
import type { CpuProfileSpec } from '../../../crds/cpu-profile.ts';
import { DELIVERY_LABEL } from '../../../crds/kinds.ts';
import { matchesSelector } from '../../../kube/labels.ts';
import type { Evaluation } from './evaluate.ts';
import type { ConfigMapView, NamespaceView } from './views.ts';

type Selector = NonNullable<NonNullable<CpuProfileSpec['delivery']>['namespaceSelector']>;

/** A namespace, and the object there that bears the name of the profile's ConfigMap, as far as the cache knows. */
export interface Place {
  readonly namespace: NamespaceView;
  readonly configMap: ConfigMapView | undefined;
}

/** What to do in one namespace. `replace` and `remove` wait until no pod there uses the ConfigMap. */
export type Action =
  | { readonly do: 'create'; readonly namespace: string }
  | {
      readonly do: 'replace' | 'remove' | 'keep';
      readonly namespace: string;
      readonly configMap: ConfigMapView;
    }
  | { readonly do: 'avoid'; readonly namespace: string };

/** What every ConfigMap of a profile holds; `files` renders it when one is really written. */
export interface Desired {
  readonly digest: string;
  readonly hash: string;
  readonly files: () => Record<string, string>;
}

/** Why nothing can be delivered; what exists stays. */
export interface Problem {
  readonly reason: 'NotAccepted' | 'InvalidSelector' | 'TooLarge' | 'FilterFailed';
  readonly message: string;
}

export interface Delivery {
  readonly wanted: Desired | Problem;
  readonly actions: readonly Action[];
}

/** The namespaces a profile goes to when it does not say. `{}` is another thing: it selects all. */
export const effectiveSelector = (spec: CpuProfileSpec): Selector =>
  spec.delivery?.namespaceSelector ?? { matchLabels: { ...DELIVERY_LABEL } };

/** What the API server refuses in its own selectors and a CRD schema cannot say; undefined when all is well. */
export function selectorProblem(selector: Selector): string | undefined {
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues && values.length === 0)
      return `delivery.namespaceSelector: ${operator} of "${key}" needs values`;
    if (!takesValues && values.length > 0)
      return `delivery.namespaceSelector: ${operator} of "${key}" takes no values`;
  }
  return undefined;
}

function wantedContent(evaluation: Evaluation, selector: Selector): Desired | Problem {
  if (!evaluation.accepted) {
    return { reason: 'NotAccepted', message: 'a profile that is not accepted is not delivered' };
  }
  const wrong = selectorProblem(selector);
  if (wrong !== undefined) return { reason: 'InvalidSelector', message: wrong };
  const { digest, content } = evaluation;
  return 'reason' in content ? content : { digest, ...content };
}

/** Only an object with both labels is ours to touch; the name alone says nothing. */
export const isOurs = (profile: string, configMap: ConfigMapView | undefined): configMap is ConfigMapView =>
  configMap?.profile === profile;

/**
 * Decides for every namespace the cache knows. A namespace that is unknown or terminating gets nothing and loses
 * nothing, so an empty list of namespaces can never remove a ConfigMap.
 */
export function decideDelivery(
  profile: string,
  spec: CpuProfileSpec,
  evaluation: Evaluation,
  places: readonly Place[],
): Delivery {
  const selector = effectiveSelector(spec);
  const wanted = wantedContent(evaluation, selector);
  const actions = places.flatMap((place) => actionIn(profile, selector, wanted, place) ?? []);
  return { wanted, actions };
}

function actionIn(
  profile: string,
  selector: Selector,
  wanted: Desired | Problem,
  { namespace: { name: namespace, labels, terminating }, configMap }: Place,
): Action | undefined {
  if (terminating) return undefined;
  const ours = isOurs(profile, configMap);
  if ('reason' in wanted) return ours ? { do: 'keep', namespace, configMap } : undefined;
  if (!matchesSelector(selector, labels)) return ours ? { do: 'remove', namespace, configMap } : undefined;
  if (configMap === undefined) return { do: 'create', namespace };
  if (!ours) return { do: 'avoid', namespace };
  const right = configMap.hash === wanted.hash && configMap.digest === wanted.digest;
  return { do: right ? 'keep' : 'replace', namespace, configMap };
}

/** Of a profile that the API server confirmed gone: every ConfigMap of it goes. */
export const decideRemoval = (profile: string, places: readonly Place[]): Action[] =>
  places.flatMap(({ namespace, configMap }) =>
    !namespace.terminating && isOurs(profile, configMap)
      ? [{ do: 'remove' as const, namespace: namespace.name, configMap }]
      : [],
  );
