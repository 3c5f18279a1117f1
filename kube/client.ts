/** The one client of this project: a few verbs over node:https. Small, because the agent's memory is a promise. */
import { isRecord, readError, readJson } from './answer.ts';
import { type Clock, systemClock } from './clock.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { apiVersionOf } from './core.ts';
import { ConnectionError } from './errors.ts';
import type { Logger } from './logger.ts';
import { collectionPath, objectPath, query } from './paths.ts';
import { silentLogger } from './silent-logger.ts';
import { type HttpAnswer, type HttpRequest, SendError, Transport } from './transport.ts';
import type { ApiClient, KubeObject, ListPage, Resource, WriteOptions } from './types.ts';
import { watchEvents } from './watch.ts';

export interface ClientOptions {
  log?: Logger;
  userAgent?: string;
  clock?: Clock;
  /** Connections for everything but watches. */
  connections?: number;
  /** For the whole answer about one object; a page of a list may take four times as long while it keeps coming. */
  timeoutMs?: number;
  /** More than this in one answer is refused, bytes. */
  maxAnswerBytes?: number;
}

/** How often a request that the server turned away for now (429) is sent again, and how long it waits at most. */
const MAX_RETRIES = 4;
const MAX_RETRY_WAIT_SECONDS = 15;
const WATCH_GRACE_MS = 30_000;

interface Call extends Omit<HttpRequest, 'headers' | 'timeoutMs' | 'silenceMs' | 'watch'> {
  readonly what: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly silenceMs?: number;
  readonly watch?: boolean;
  readonly compressed?: boolean;
}

/** An ApiClient for one cluster. `close` ends every connection; whatever is under way fails with ConnectionError. */
export const createClient = (
  config: ClusterConfig,
  options: ClientOptions = {},
): ApiClient & { close(): void } => {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLogger;
  const timeoutMs = options.timeoutMs ?? 30_000;
  const limit = options.maxAnswerBytes ?? 64 * 1024 * 1024;
  const userAgent = options.userAgent ?? 'cpu-profile-operator';
  const transport = new Transport(config, clock, options.connections ?? 8);
  const warned = new Set<string>();

  /** The server's advice about deprecated or unknown fields, each once. */
  const passOnWarnings = (what: string, answer: HttpAnswer): void => {
    const warning = answer.headers['warning'];
    if (typeof warning !== 'string' || warned.has(warning) || warned.size >= 100) return;
    warned.add(warning);
    log.warn({ request: what, warning }, 'the API server warns');
  };

  /** One answer that is 2xx; sends again where that is safe: stale connection, 401 with new credentials, 429. */
  const call = async (request: Call): Promise<HttpAnswer> => {
    const { what, method, path, body, signal } = request;
    const headers: Record<string, string> = {
      accept: request.accept ?? 'application/json',
      'user-agent': userAgent,
    };
    if (request.contentType !== undefined) headers['content-type'] = request.contentType;
    if (request.compressed === true) headers['accept-encoding'] = 'gzip';
    const outgoing: HttpRequest = {
      method,
      path,
      headers,
      body,
      signal,
      watch: request.watch ?? false,
      timeoutMs: request.timeoutMs ?? timeoutMs,
      silenceMs: request.silenceMs ?? timeoutMs,
    };
    let renewed = false;
    for (let attempt = 0; ; attempt += 1) {
      let answer: HttpAnswer;
      try {
        answer = await transport.send(outgoing);
      } catch (error) {
        const repeatable = method === 'GET' || method === 'PATCH';
        if (error instanceof SendError && error.stale && repeatable && attempt < MAX_RETRIES) continue;
        throw new ConnectionError(what, error instanceof SendError ? error.cause : error);
      }
      passOnWarnings(what, answer);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const error = await readError(what, answer);
      if (error instanceof ConnectionError) throw error;
      if (error.status === 401 && !renewed) {
        renewed = true;
        config.forgetCredentials();
        continue;
      }
      const wait = error.retryAfterSeconds;
      const busy = error.status === 429 && wait !== undefined && wait <= MAX_RETRY_WAIT_SECONDS;
      if (!busy || method === 'POST' || attempt >= MAX_RETRIES) throw error;
      log.debug({ request: what, seconds: wait }, 'the API server is busy; trying again');
      await clock.delay(wait * 1000, signal);
      if (signal?.aborted === true) throw new ConnectionError(what, signal.reason);
    }
  };

  const object = async <T extends KubeObject>(request: Call): Promise<T> => {
    const value = await readJson(request.what, await call(request), limit);
    if (!isRecord(value['metadata']))
      throw new ConnectionError(request.what, new Error('the answer has no metadata'));
    // The server keeps to the schema of the kind that was asked for; readers that must be sure parse it.
    return value as unknown as T;
  };

  const write = async <T extends KubeObject>(
    verb: { word: string; method: 'POST' | 'PUT' | 'PATCH'; contentType: string; force?: boolean },
    resource: Resource,
    subject: T,
    given: WriteOptions,
  ): Promise<T> => {
    const { name } = subject.metadata;
    const namespace = given.namespace ?? subject.metadata.namespace;
    const collection = verb.method === 'POST' && given.subresource === undefined;
    if (collection && resource.namespaced && namespace === undefined)
      throw new Error(`${resource.kind} ${JSON.stringify(name)} needs a namespace`);
    const path = collection
      ? collectionPath(resource, namespace)
      : objectPath(resource, namespace, name, given.subresource);
    const parameters = {
      fieldManager: given.fieldManager,
      force: verb.force === true ? true : undefined,
      dryRun: given.dryRun === true ? 'All' : undefined,
    };
    return object<T>({
      what: describe(verb.word, resource, namespace, name, given.subresource),
      method: verb.method,
      path: `${path}${query(parameters)}`,
      contentType: verb.contentType,
      body: JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...subject }),
      signal: given.signal,
    });
  };

  return {
    get: async (resource, name, namespace, signal) =>
      object({
        what: describe('get', resource, namespace, name),
        method: 'GET',
        path: objectPath(resource, namespace, name),
        signal,
      }),

    list: async <T extends KubeObject>(resource: Resource, given: Parameters<ApiClient['list']>[1] = {}) => {
      const { namespace, metadataOnly, signal, ...parameters } = given;
      const what = describe('list', resource, namespace);
      const answer = await call({
        what,
        method: 'GET',
        path: `${collectionPath(resource, namespace)}${query(parameters)}`,
        accept: acceptOf('PartialObjectMetadataList', metadataOnly),
        compressed: true,
        timeoutMs: 4 * timeoutMs,
        signal,
      });
      return toPage<T>(what, resource, metadataOnly === true, await readJson(what, answer, limit));
    },

    create: async (resource, subject, given = {}) =>
      write({ word: 'create', method: 'POST', contentType: 'application/json' }, resource, subject, given),

    replace: async (resource, subject, given = {}) =>
      write({ word: 'replace', method: 'PUT', contentType: 'application/json' }, resource, subject, given),

    apply: async (resource, subject, { force, ...given }) =>
      write(
        {
          word: 'apply',
          method: 'PATCH',
          contentType: 'application/apply-patch+yaml',
          force: force === true,
        },
        resource,
        subject,
        given,
      ),

    delete: async (resource, name, given = {}) => {
      const { namespace, uid, resourceVersion, gracePeriodSeconds, signal } = given;
      const what = describe('delete', resource, namespace, name);
      const answer = await call({
        what,
        method: 'DELETE',
        path: objectPath(resource, namespace, name),
        contentType: 'application/json',
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          gracePeriodSeconds,
          preconditions:
            uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion },
        }),
        signal,
      });
      await readJson(what, answer, limit);
    },

    watch: async function* <T extends KubeObject>(
      resource: Resource,
      given: Parameters<ApiClient['watch']>[1],
    ) {
      const { namespace, metadataOnly, signal, silenceMs, ...parameters } = given;
      const what = describe('watch', resource, namespace);
      let answer: HttpAnswer;
      try {
        answer = await call({
          what,
          method: 'GET',
          path: `${collectionPath(resource, namespace)}${query({ ...parameters, watch: true, allowWatchBookmarks: true })}`,
          accept: acceptOf('PartialObjectMetadata', metadataOnly),
          compressed: true,
          watch: true,
          silenceMs: silenceMs ?? given.timeoutSeconds * 1000 + WATCH_GRACE_MS,
          signal,
        });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      yield* watchEvents<T>(what, answer, signal);
    },

    close: () => transport.close(),
  };
};

/** `apply Node worker-1/status`: how messages name a request. */
const describe = (
  verb: string,
  resource: Resource,
  namespace?: string,
  name?: string,
  subresource?: string,
): string => {
  const object = [namespace, name, subresource].filter((part) => part !== undefined).join('/');
  return `${verb} ${resource.kind}${object === '' ? '' : ` ${object}`}`;
};

const acceptOf = (partial: string, metadataOnly: boolean | undefined): string =>
  metadataOnly === true ? `application/json;as=${partial};g=meta.k8s.io;v=v1` : 'application/json';

/** Items of a list come without their type from the server; here they get it, as in a watch. */
const toPage = <T extends KubeObject>(
  what: string,
  resource: Resource,
  metadataOnly: boolean,
  value: Record<string, unknown>,
): ListPage<T> => {
  const { metadata, items } = value;
  if (
    !isRecord(metadata) ||
    typeof metadata['resourceVersion'] !== 'string' ||
    !(items === null || Array.isArray(items))
  )
    throw new ConnectionError(what, new Error('the answer is not a list'));
  const typeMeta = metadataOnly
    ? { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' }
    : { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const page: ListPage<T> = {
    items: (items ?? []).map((item: unknown) => {
      if (!isRecord(item) || !isRecord(item['metadata']) || typeof item['metadata']['name'] !== 'string')
        throw new ConnectionError(what, new Error('an item of the list has no name'));
      return { ...typeMeta, ...item } as unknown as T;
    }),
    resourceVersion: metadata['resourceVersion'],
  };
  const more = metadata['continue'];
  if (typeof more === 'string' && more !== '') page.continue = more;
  return page;
};
