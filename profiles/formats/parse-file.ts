/** Reading a file of another program's format: JSON first, then its shape, with one clear error for either. */
import type * as z from 'zod';
import { InputError } from '../model/input-error.ts';

/** Throws InputError with the file and the place inside it. */
export function parseFile<T>(file: string, text: string, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(file, cause instanceof Error ? cause.message : 'not JSON');
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError(
    [file, ...(issue?.path ?? [])].join('.'),
    issue?.message ?? 'not of the expected shape',
  );
}
