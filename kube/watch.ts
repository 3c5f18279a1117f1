/** A watch: one JSON object a line, for as long as the server likes. */
import { isRecord, toStatusBody } from './answer.ts';
import { ApiError, ConnectionError } from './errors.ts';
import type { HttpAnswer } from './transport.ts';
import type { KubeObject, WatchEvent } from './types.ts';

const NEWLINE = 10;
/** The server's limit for a stored object is 1.5 MiB; JSON can be a few times that. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Splits at newlines before decoding, so that no character is cut in two. @throws Error for a line over the limit. */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let length = 0;
  const grow = (piece: Buffer): void => {
    length += piece.length;
    if (length > maxLineBytes) throw new Error(`a line of the watch is longer than ${maxLineBytes} bytes`);
    if (piece.length > 0) pending.push(piece);
  };
  const take = (): string => {
    const line = Buffer.concat(pending, length).toString('utf8');
    pending = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      grow(chunk.subarray(start, end));
      start = end + 1;
      yield take();
    }
    grow(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

/** @throws ApiError for an ERROR event, Error for what is no event. */
const toEvent = <T extends KubeObject>(what: string, line: string): WatchEvent<T> => {
  const event: unknown = JSON.parse(line);
  if (!isRecord(event) || !isRecord(event['object'])) throw new Error('a line of the watch is not an event');
  const { type, object } = event;
  if (type === 'ERROR') {
    const code = object['code'];
    throw new ApiError(what, typeof code === 'number' ? code : 500, toStatusBody(object));
  }
  const metadata = object['metadata'];
  if (!isRecord(metadata) || typeof metadata['resourceVersion'] !== 'string')
    throw new Error('an object in the watch has no resourceVersion');
  if (type === 'BOOKMARK')
    return { type, object: { metadata: { resourceVersion: metadata['resourceVersion'] } } };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED')
    throw new Error(
      `the watch has an event of an unknown type: ${JSON.stringify(type ?? null).slice(0, 100)}`,
    );
  if (typeof metadata['name'] !== 'string') throw new Error('an object in the watch has no name');
  // The server keeps to the schema of the kind that was asked for; readers that must be sure parse it.
  return { type, object: object as unknown as T };
};

/**
 * The events of an answer to a watch. Ends when the server ends it, and quietly when `signal` aborts.
 * @throws ApiError for an ERROR event, ConnectionError for a cut, silent or garbled stream.
 */
export async function* watchEvents<T extends KubeObject>(
  what: string,
  answer: HttpAnswer,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  try {
    for await (const line of splitLines(answer.body as AsyncIterable<Buffer>)) {
      if (signal.aborted) return;
      if (line.trim() !== '') yield toEvent<T>(what, line);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError) throw error;
    throw new ConnectionError(what, answer.cutBy() ?? error);
  } finally {
    answer.release();
  }
}
