/** How much a value from outside holds, told before it is checked in detail: checking a million entries takes seconds. */

/** true when `json` holds more than `limit` values, keys of objects and entries of lists; stops as soon as it knows. */
export function holdsMoreThan(limit: number, json: unknown): boolean {
  let count = 0;
  const open: object[] = [];
  const visit = (value: unknown): void => {
    count += 1;
    if (typeof value === 'object' && value !== null) open.push(value);
  };
  visit(json);
  for (let next = open.pop(); next !== undefined && count <= limit; next = open.pop()) {
    const members: readonly unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (members.length > limit) return true;
    members.forEach(visit);
  }
  return count > limit;
}
