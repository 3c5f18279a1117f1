/** Reading what the API server answers: JSON within a limit, or the Status that explains a refusal. */
import { ApiError, ConnectionError, type StatusBody } from './errors.ts';
import type { HttpAnswer } from './transport.ts';

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws ConnectionError when the answer is cut or longer than `limit` bytes. */
const readText = async (what: string, answer: HttpAnswer, limit: number): Promise<string> => {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ConnectionError(what, answer.cutBy() ?? error);
  } finally {
    answer.release();
  }
  return Buffer.concat(chunks, length).toString('utf8');
};

/** @throws ConnectionError for anything but a JSON object within `limit` bytes. */
export const readJson = async (
  what: string,
  answer: HttpAnswer,
  limit: number,
): Promise<Record<string, unknown>> => {
  const text = await readText(what, answer, limit);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ConnectionError(what, new Error('the answer is not JSON', { cause }));
  }
  if (!isRecord(value)) throw new ConnectionError(what, new Error('the answer is not an object'));
  return value;
};

/** An explanation is a few lines; a proxy's HTML page need not be kept whole. */
const STATUS_LIMIT = 1024 * 1024;

/** The error for an answer that is not 2xx, with the server's Status when it sent one. */
export const readError = async (what: string, answer: HttpAnswer): Promise<ApiError | ConnectionError> => {
  const retryAfter = retryAfterOf(answer);
  try {
    const text = await readText(what, answer, STATUS_LIMIT);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Not the API server: a proxy, or a handler that answers in plain text.
      value = { message: text.trim().slice(0, 300) };
    }
    return new ApiError(what, answer.status, toStatusBody(value), retryAfter);
  } catch (error) {
    return error instanceof ConnectionError ? error : new ConnectionError(what, error);
  }
};

const retryAfterOf = (answer: HttpAnswer): number | undefined => {
  const text = answer.headers['retry-after'];
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
};

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const present = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** metav1.Status as far as this project uses it; whatever has another type is left out. */
export const toStatusBody = (value: unknown): StatusBody | undefined => {
  if (!isRecord(value)) return undefined;
  const { details } = value;
  return present({
    reason: text(value['reason']),
    message: text(value['message']),
    details: isRecord(details)
      ? present({
          name: text(details['name']),
          group: text(details['group']),
          kind: text(details['kind']),
          retryAfterSeconds:
            typeof details['retryAfterSeconds'] === 'number' ? details['retryAfterSeconds'] : undefined,
          causes: Array.isArray(details['causes'])
            ? details['causes'].filter(isRecord).map((cause) =>
                present({
                  reason: text(cause['reason']),
                  message: text(cause['message']),
                  field: text(cause['field']),
                }),
              )
            : undefined,
        })
      : undefined,
  });
};
