/** Mutations of a text: single characters, slices, lines and words that parsers stumble over. */
import type { Random } from './random.ts';

const WORDS = [
  '0x0',
  '0xffffffff',
  '0x100000000',
  '0xffffffffffffffff',
  '0x10000000000000000',
  '-0x1',
  '0X1F',
  '0x',
  '1e400',
  '-1',
  'NaN',
  '\0',
  '\n',
  '\r\n',
  '\t',
  '\u001b[2J',
  '\u2028',
  '\ufeff',
  '\ud800',
  '💥',
  '😀é',
  'ﬀ',
  'İ',
  '"',
  "'",
  '\\',
  '\\u0000',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '- ',
  '? ',
  '|',
  '>',
  '#',
  '%',
  '@',
  '`',
  '&a ',
  '*a',
  '!!binary ',
  '!!js/function ',
  '<<: *a',
  '---\n',
  '...\n',
  'null',
  'true',
  '~',
  '1_000',
  '2001-01-01',
  '.inf',
  '0o17',
  '0b11',
  '0b' + 'x'.repeat(32),
  '0b1_0',
  '<',
  '>',
  '</',
  '/>',
  '<!--',
  '-->',
  '<![CDATA[',
  ']]>',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '&lt;',
  '&#x41;',
  '&b;',
  '&',
  '<?xml version="1.0"?>',
  ' xmlns:a="b"',
  'CPU:',
  'CPU 0:',
  'CPU 99999:',
  'eax=',
  '0x00000000 0x00:',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  ',+',
  ',-',
  '=on',
  '=off',
  ',enforce',
  '../',
  '/',
  '\\x00',
  '%s%n',
  '${a}',
  '{{',
];

/** A mutation must not grow without bound; what is large is tried on its own. */
const MAX_LENGTH = 200_000;

/** One to eight changes of `text`; `others` are spliced in. */
export function mutateText(text: string, others: readonly string[], random: Random): string {
  let result = text;
  for (let changes = 1 + random.int(random.oneIn(3) ? 8 : 2); changes > 0; changes -= 1)
    result = change(result, others, random).slice(0, MAX_LENGTH);
  return result;
}

function change(text: string, others: readonly string[], random: Random): string {
  const at = random.int(text.length + 1);
  const length = 1 + random.int(random.oneIn(4) ? Math.max(1, text.length - at) : 12);
  const slice = text.slice(at, at + length);
  const rest = text.slice(at + length);
  const before = text.slice(0, at);
  switch (random.int(12)) {
    case 0:
      return before + rest;
    case 1:
      return before + slice + slice + rest;
    case 2:
      return before + random.pick(WORDS) + text.slice(at);
    case 3:
      return before + random.pick(WORDS) + rest;
    case 4:
      return before + String.fromCharCode(random.int(random.oneIn(3) ? 0x10000 : 0x80)) + text.slice(at + 1);
    case 5:
      return (
        before +
        slice.repeat(
          Math.min(1 + random.int(random.oneIn(8) ? 1000 : 20), 1 + MAX_LENGTH / (1 + slice.length)),
        ) +
        rest
      );
    case 6:
      return before;
    case 7: {
      const other = random.pick(others);
      const from = random.int(other.length + 1);
      return before + other.slice(from, from + length * 4) + rest;
    }
    case 8:
      return swapLines(text, random);
    case 9:
      return replaceNumber(text, random);
    case 10:
      return before + Array.from(slice).reverse().join('') + rest;
    default:
      return random.oneIn(4)
        ? rest + before
        : before + (random.oneIn(2) ? slice.toUpperCase() : slice.trim()) + rest;
  }
}

function swapLines(text: string, random: Random): string {
  const lines = text.split('\n');
  const [from, to] = [random.int(lines.length), random.int(lines.length)];
  const line = lines[from] ?? '';
  if (random.oneIn(2)) lines.splice(from, 1);
  lines.splice(to, 0, line);
  return lines.join('\n');
}

const NUMBER = /0x[0-9a-fA-F]+|\d+/g;

function replaceNumber(text: string, random: Random): string {
  const numbers = [...text.matchAll(NUMBER)];
  if (numbers.length === 0) return text;
  const { 0: number, index } = random.pick(numbers);
  return text.slice(0, index) + random.pick(WORDS.slice(0, 11)) + text.slice(index + number.length);
}
