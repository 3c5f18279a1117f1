/** metav1.Condition lists in an object's status. */
import type { Condition } from './types.ts';

/** metav1.Time: RFC 3339, UTC, whole seconds. */
export const rfc3339 = (date: Date): string => date.toISOString().replace(/\.\d{3}Z$/, 'Z');

/**
 * The list with `next` in the place of the condition of its type, or at the end. `lastTransitionTime` is `now` only
 * where `status` differs from before, so that an unchanged condition is an unchanged object.
 */
export const withCondition = (
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): Condition[] => {
  const list = [...(conditions ?? [])];
  const at = list.findIndex((condition) => condition.type === next.type);
  const old = list[at];
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : rfc3339(now);
  const condition: Condition = { ...next, lastTransitionTime };
  if (old === undefined) list.push(condition);
  else list[at] = condition;
  return list;
};

export const findCondition = (
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined => conditions?.find((condition) => condition.type === type);
