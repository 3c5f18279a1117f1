/** Many measurements as two figures: what is usual, and what is rare. */
import type { Figure } from './figure.ts';

/** The value that the share `share` of the measurements does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** p50 against the budget, and p99 against what is allowed now and then: machines that measure are shared. */
export const p50AndP99 = (
  name: string,
  values: readonly number[],
  unit: string,
  budget: number,
  rarely = 2 * budget,
): Figure[] => [
  { name: `${name}, p50`, value: percentile(values, 0.5), unit, budget },
  { name: `${name}, p99`, value: percentile(values, 0.99), unit, budget: rarely },
];
