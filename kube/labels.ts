/** Label selectors: metav1.LabelSelector against a set of labels. */

export interface LabelSelectorRequirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: readonly string[] | undefined;
}

export interface LabelSelector {
  matchLabels?: Readonly<Record<string, string>> | undefined;
  matchExpressions?: readonly LabelSelectorRequirement[] | undefined;
}

const matches = (
  { key, operator, values = [] }: LabelSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean => {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
};

/**
 * As Kubernetes defines it: every requirement must hold; a selector without requirements matches everything, no
 * selector at all matches nothing. A missing label satisfies NotIn. An unknown operator matches nothing.
 */
export const matchesSelector = (
  selector: LabelSelector | null | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean => {
  if (selector === null || selector === undefined) return false;
  const present = labels ?? {};
  return (
    Object.entries(selector.matchLabels ?? {}).every(
      ([key, value]) => Object.hasOwn(present, key) && present[key] === value,
    ) && (selector.matchExpressions ?? []).every((requirement) => matches(requirement, present))
  );
};
