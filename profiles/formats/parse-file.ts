/** Reading a file of another program's format: JSON first, then its shape, with one clear error for either. */
import type * as z from 'zod';
import { InputError } from '../model/input-error.ts';
import { quoted } from '../model/quoted.ts';
import { holdsMoreThan } from '../model/size.ts';

/** Many times the largest rendered file. */
const MAX_TEXT = 4 * 1024 * 1024;
const MAX_VALUES = 100_000;

/** Throws InputError with the file and the place inside it. */
export function parseFile<T>(file: string, text: string, schema: z.ZodType<T>): T {
  if (text.length > MAX_TEXT) throw new InputError(file, `is larger than ${MAX_TEXT / 1024 / 1024} MiB`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(file, `is not JSON: ${cause instanceof Error ? quoted(cause.message, 120) : ''}`);
  }
  if (holdsMoreThan(MAX_VALUES, json))
    throw new InputError(file, `holds more than ${MAX_VALUES.toLocaleString('en')} values`);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError(
    [file, ...(issue?.path ?? [])].join('.'),
    issue?.message ?? 'not of the expected shape',
  );
}
