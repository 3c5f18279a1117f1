/** Names that somebody may have meant. */

const CLOSE = 3;
const SHOWN = 4;

/** The nearest of `names` by edits, at most four of them; those that hold the text as a whole count as near. */
export function nearest(text: string, names: readonly string[]): string[] {
  const plain = simplified(text);
  if (plain.length > 64) return [];
  return names
    .map((name) => ({ name, distance: distanceOf(plain, simplified(name)) }))
    .filter(({ distance }) => distance <= CLOSE)
    .sort((left, right) => left.distance - right.distance || left.name.length - right.name.length)
    .slice(0, SHOWN)
    .map(({ name }) => name);
}

/** Spelling that differs between tools and means nothing. */
const simplified = (name: string): string => name.toLowerCase().replace(/[-_. ]/g, '');

function distanceOf(text: string, name: string): number {
  if (text === name) return 0;
  if (text.length >= 3 && name.includes(text)) return 1;
  return Math.abs(text.length - name.length) > CLOSE ? CLOSE + 1 : editDistance(text, name);
}

/** Levenshtein's distance. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
