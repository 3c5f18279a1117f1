/** Text for the API: bounded, because the schema refuses what is longer. */

/** At most `maxBytes` bytes of UTF-8, cut between characters; a cut shows as "…" (3 bytes). */
export function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  let kept = '';
  let bytes = Buffer.byteLength('…');
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    kept += character;
  }
  return `${kept}…`;
}

/** "a, b, c" or, of many, the first ten "and 5 more". */
export function nameList(names: readonly string[], most = 10): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
