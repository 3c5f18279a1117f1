/** Foreign text in an error: in quotes, on one line, not endless, and without what moves a terminal's cursor. */
export const quoted = (text: string, most = 60): string =>
  JSON.stringify(text.length <= most ? text : `${text.slice(0, most)}…`).replaceAll(HARMFUL, '?');

/** C1 controls, directional and invisible characters; JSON has escapes for the C0 ones. */
const HARMFUL = /[\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2066-\u2069\ufeff]/g;
