/** How often a property law is tried: few times by default, as often as LAW_RUNS says in CI. */
export const lawRuns = (small: number): number => {
  const asked = Number(process.env['LAW_RUNS']);
  return Number.isSafeInteger(asked) && asked > 0 ? Math.max(small, asked) : small;
};
