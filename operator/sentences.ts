/** Small pieces of text for conditions and events. */

/** "a, b, c and 4 more". */
export function firstOf(items: readonly string[], most: number, separator = ', '): string {
  const shown = items.slice(0, most).join(separator);
  return items.length > most ? `${shown} and ${items.length - most} more` : shown;
}

/** "1 namespace", "3 namespaces". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Cuts text that would not fit into `most` characters, and shows that it was cut. */
export const clipped = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 3)}...`;
