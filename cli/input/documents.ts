/** Files, standard input, YAML and JSON: text in, documents out. What they mean is decided elsewhere. */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { badInput, CliFailure, EXIT } from '../failure.ts';
import { boundJson, boundYaml } from './bounds.ts';

/** No honest profile or snapshot comes near this; a wrong file is refused before it is parsed. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface InputDocument {
  /** File name, with the number of the document where a file holds several. */
  readonly origin: string;
  readonly content: unknown;
}

/** Reads one or more YAML or JSON documents; `-` is standard input. A `List` counts as its items. */
export async function readDocuments(path: string): Promise<InputDocument[]> {
  return await documentsOf(await readText(path), originOf(path));
}

/** The same for a text. Throws CliFailure naming `origin`. */
export async function documentsOf(text: string, origin: string): Promise<InputDocument[]> {
  const contents = (await parseAll(text, origin)).filter(
    (content) => content !== null && content !== undefined,
  );
  const flat = contents.flatMap((content) => listItems(content) ?? [content]);
  if (flat.length === 0) throw badInput(origin, 'holds no document');
  return flat.map((content, i) => ({
    origin: flat.length === 1 ? origin : `${origin} (document ${i + 1})`,
    content,
  }));
}

/** What a path is called in messages. */
export const originOf = (path: string): string => (path === '-' ? 'standard input' : path);

/** A text file, or standard input for `-`. Throws CliFailure for one that is missing, too large or not UTF-8. */
export async function readText(path: string): Promise<string> {
  const origin = originOf(path);
  try {
    const bytes =
      (path === '-' ? undefined : readPlainFile(path, origin)) ?? (await readStream(path, origin));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new CliFailure(EXIT.badInput, `${origin}: no such file`, { cause: error });
    if (code === 'EISDIR') throw new CliFailure(EXIT.badInput, `${origin}: is a directory`, { cause: error });
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw badInput(origin, 'is not UTF-8 text');
    throw badInput(origin, error);
  }
}

const tooLarge = (origin: string): CliFailure =>
  badInput(origin, `is larger than ${MAX_BYTES / 1024 / 1024} MiB`);

/** A regular file, read at once: a hundred of them through streams cost as much as all else. `undefined` for others. */
function readPlainFile(path: string, origin: string): Buffer | undefined {
  const stat = statSync(path);
  if (!stat.isFile()) return undefined;
  if (stat.size > MAX_BYTES) throw tooLarge(origin);
  return readFileSync(path);
}

/** Standard input, or what may have no end: a pipe, a device. */
async function readStream(path: string, origin: string): Promise<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BYTES) throw tooLarge(origin);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** JSON is read as JSON, which is faster and stricter; everything else as YAML. */
async function parseAll(text: string, origin: string): Promise<unknown[]> {
  if (/^\s*[{[]/.test(text)) {
    boundJson(text, origin);
    try {
      return [JSON.parse(text) as unknown];
    } catch (error) {
      // Several JSON documents, or YAML flow style: the YAML parser decides; it names the line.
      if (!text.includes('\n---')) {
        boundYaml(text, origin);
        const { loadAll } = await import('js-yaml');
        try {
          return loadAll(text);
        } catch {
          throw badInput(origin, error);
        }
      }
    }
  }
  boundYaml(text, origin);
  const { loadAll } = await import('js-yaml');
  try {
    return loadAll(text);
  } catch (error) {
    // A word that is longer than the parser's stack.
    if (error instanceof RangeError) throw badInput(origin, 'cannot be parsed: a part of it is too long');
    throw badInput(origin, error instanceof Error ? firstLine(error.message) : error);
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? text;

function listItems(content: unknown): unknown[] | undefined {
  if (typeof content !== 'object' || content === null || !('kind' in content) || !('items' in content))
    return undefined;
  const { kind, items } = content;
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)
    ? (items as unknown[])
    : undefined;
}
