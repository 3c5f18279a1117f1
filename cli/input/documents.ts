/** Files, standard input, YAML and JSON: text in, documents out. What they mean is decided elsewhere. */
import { open, type FileHandle } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import { badInput, CliFailure, EXIT } from '../failure.ts';

/** No honest profile or snapshot comes near this; a wrong file is refused before it is parsed. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface InputDocument {
  /** File name, with the number of the document where a file holds several. */
  readonly origin: string;
  readonly content: unknown;
}

/** Reads one or more YAML or JSON documents; `-` is standard input. A `List` counts as its items. */
export async function readDocuments(path: string): Promise<InputDocument[]> {
  const origin = path === '-' ? 'standard input' : path;
  const text = await readText(path, origin);
  const contents = parseAll(text, origin).filter((content) => content !== null && content !== undefined);
  const flat = contents.flatMap((content) => listItems(content) ?? [content]);
  if (flat.length === 0) throw badInput(origin, 'holds no document');
  return flat.map((content, i) => ({
    origin: flat.length === 1 ? origin : `${origin} (document ${i + 1})`,
    content,
  }));
}

async function readText(path: string, origin: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    if (path !== '-') file = await open(path, 'r');
    const stream = file === undefined ? process.stdin : file.createReadStream();
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of stream as AsyncIterable<Buffer | string>) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > MAX_BYTES) throw badInput(origin, `is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
      chunks.push(bytes);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new CliFailure(EXIT.badInput, `${origin}: no such file`, { cause: error });
    if (code === 'EISDIR') throw new CliFailure(EXIT.badInput, `${origin}: is a directory`, { cause: error });
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw badInput(origin, 'is not UTF-8 text');
    throw badInput(origin, error);
  } finally {
    await file?.close();
  }
}

/** JSON is read as JSON, which is faster and stricter; everything else as YAML. */
function parseAll(text: string, origin: string): unknown[] {
  if (/^\s*[{[]/.test(text)) {
    try {
      return [JSON.parse(text) as unknown];
    } catch (error) {
      // Several JSON documents, or YAML flow style: the YAML parser decides; it names the line.
      if (!text.includes('\n---')) {
        try {
          return loadAll(text);
        } catch {
          throw badInput(origin, error);
        }
      }
    }
  }
  try {
    return loadAll(text);
  } catch (error) {
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
