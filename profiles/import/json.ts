/** JSON of another program, checked strictly: shape first, then lists that no honest file has so long. */
import type * as z from 'zod';
import { InputError } from '../model/input-error.ts';
import { holdsMoreThan } from '../model/size.ts';
import { quoted } from '../model/quoted.ts';
import { type ImportFile } from './imported.ts';

/** Several times the largest file of any format. */
const MAX_JSON = 4 * 1024 * 1024;
const MAX_VALUES = 100_000;

/** Throws InputError for what is no JSON or holds too much. */
export function readJson({ name, text }: ImportFile): unknown {
  if (text.length > MAX_JSON) throw new InputError(name, `is larger than ${MAX_JSON / 1024 / 1024} MiB`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(name, `is not JSON: ${cause instanceof Error ? quoted(cause.message) : ''}`);
  }
  if (holdsMoreThan(MAX_VALUES, json))
    throw new InputError(name, `holds more than ${MAX_VALUES.toLocaleString('en')} values`);
  return json;
}

/** The first thing that is wrong becomes an InputError with the path. */
export function shaped<T>(name: string, json: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map(pathPart).join('');
  throw new InputError(`${name}${path === '' ? '' : ` ${path.replace(/^\./, '')}`}`, reasonOf(issue));
}

const pathPart = (part: PropertyKey): string => {
  if (typeof part === 'number') return `[${part}]`;
  const word = String(part);
  return /^[A-Za-z_]\w{0,60}$/.test(word) ? `.${word}` : `[${quoted(word)}]`;
};

function reasonOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'is not of the expected shape';
  if (issue.code === 'unrecognized_keys') {
    const [key = '', ...more] = issue.keys;
    return `has the unknown field ${quoted(key)}${more.length === 0 ? '' : ` (and ${more.length} more)`}`;
  }
  return issue.message;
}
