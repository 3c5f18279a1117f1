/** Splitting a row's range of subleaves by what a host reports. */

export interface SubleafRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Cuts `first` to `last` into one range for each subleaf in `present` and one for each gap, rising. Subleaves
 * outside do not count; they may come in any order and more than once.
 */
export function splitSubleaves(first: number, last: number, present: readonly number[]): SubleafRange[] {
  const inside = [...new Set(present)]
    .filter((subleaf) => first <= subleaf && subleaf <= last)
    .sort((a, b) => a - b);
  const ranges: SubleafRange[] = [];
  let next = first;
  for (const subleaf of inside) {
    if (next < subleaf) ranges.push({ first: next, last: subleaf - 1 });
    ranges.push({ first: subleaf, last: subleaf });
    next = subleaf + 1;
  }
  if (next <= last) ranges.push({ first: next, last });
  return ranges;
}
