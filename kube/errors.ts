/** What can go wrong when talking to an API server, in two kinds: it answered no, or it did not answer. */

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** The `Status` body of an answer that is not 2xx. */
export interface StatusBody {
  reason?: string;
  message?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
}

/** A webhook may say a book; the log and the user get its beginning. */
const MAX_EXPLANATION = 3000;

/** The server answered, and the answer is not 2xx. `what` says which request, for the log and the user. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly body: StatusBody | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(what: string, status: number, body: StatusBody | undefined, retryAfterSeconds?: number) {
    const explanation = body?.message ?? body?.reason ?? 'without an explanation';
    super(`${what}: ${status} ${explanation.slice(0, MAX_EXPLANATION)}`);
    this.status = status;
    this.body = body;
    this.retryAfterSeconds = retryAfterSeconds ?? body?.details?.retryAfterSeconds;
  }
}

/** No usable answer: refused, reset, timed out, cut off or not JSON. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';

  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

const hasStatus = (error: unknown, status: number): error is ApiError =>
  error instanceof ApiError && error.status === status;

export const isNotFound = (error: unknown): error is ApiError => hasStatus(error, 404);
export const isConflict = (error: unknown): error is ApiError => hasStatus(error, 409);
export const isGone = (error: unknown): error is ApiError => hasStatus(error, 410);

/**
 * true only when the API server itself says that this very object does not exist. A 404 for an unknown path
 * (the CRD is missing, a proxy answers) is not that, and must never be taken for it.
 */
export const isObjectGone = (error: unknown, name: string): boolean =>
  isNotFound(error) && error.body?.reason === 'NotFound' && error.body.details?.name === name;
