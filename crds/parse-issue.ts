/** What zod found wrong, in the words of this project: a place as kubectl writes it, and a reason on one line. */
import type * as z from 'zod';

/** Place and reason of one issue; parse with `reportInput`, or the reason cannot say what was found. */
export function describeIssue(issue: z.core.$ZodIssue): { place: string; reason: string } {
  const place = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
  return { place: pretty(place), reason: reasonOf(issue) };
}

/** `spec.data.cpuid[3].mask`; keys that are no plain words in brackets and quotes. */
export function pretty(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => {
      if (typeof part === 'number') return `[${String(part)}]`;
      const word = String(part);
      if (!/^[A-Za-z_]\w*$/.test(word)) return `[${quote(word)}]`;
      return i === 0 ? shorten(word) : `.${shorten(word)}`;
    })
    .join('');
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const more = issue.keys.length - 1;
    return more === 0 ? 'unknown field' : `unknown field (and ${String(more)} more here)`;
  }
  if (issue.input === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}, not ${found(issue.input)}`;
    case 'invalid_value': {
      const allowed = issue.values.map(String).join(', ');
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${allowed}, not ${found(issue.input)}`;
    }
    case 'too_big':
      return tooBig(issue.origin, issue.maximum);
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must not be below ${String(issue.minimum)}`;
    case 'invalid_format':
      return `${issue.format === 'datetime' ? 'must be a time in RFC 3339' : issue.message}, not ${found(issue.input)}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
      return issue.message;
  }
}

function tooBig(origin: string, maximum: number | bigint): string {
  const limit = maximum.toLocaleString('en');
  if (origin === 'string') return `is longer than ${limit} characters`;
  if (origin === 'array') return `has more than ${limit} entries`;
  return `must not be above ${limit}`;
}

const TYPES: Readonly<Record<string, string | undefined>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function found(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'string') return quote(input);
  if (typeof input === 'number' || typeof input === 'boolean') return String(input);
  return typeof input === 'object' ? 'a map' : typeof input;
}

/** In JSON's quotes nothing breaks a line or moves a terminal's cursor, and it ends somewhere. */
const quote = (text: string): string =>
  JSON.stringify(shorten(text)).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, '?');
const shorten = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 60)}…`);
