/** The port that kubelet and Prometheus ask: /healthz, /readyz, /metrics. Nothing in it is secret, nothing can be changed. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from './logger.ts';
import { http } from './node-http.ts';

/** undefined: well. Otherwise one line that says what is wrong. */
export type HealthCheck = () => string | undefined;

export interface HttpServerOptions {
  /** `0.0.0.0:8080`, `[::]:8080`, `:8080`; port 0 takes a free one. */
  listen: string;
  healthy: HealthCheck;
  ready: HealthCheck;
  metrics: () => Promise<{ contentType: string; body: string }>;
  log: Logger;
}

export interface HttpServer {
  /** The port it really listens on. */
  readonly port: number;
  /** Closes open connections at once and resolves when all are gone. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;

/** @throws Error that names the text when it is no address. */
export const parseListen = (listen: string): { host: string | undefined; port: number } => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new Error(`${JSON.stringify(listen)} is not an address such as 0.0.0.0:8080`);
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
};

/** Resolves when it listens. @throws Error when the address is invalid or taken. */
export const startHttpServer = async (options: HttpServerOptions): Promise<HttpServer> => {
  const { host, port } = parseListen(options.listen);
  const server = http.createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 5_000,
      maxHeaderSize: 8_192,
    },
    (request, response) => {
      // What a caller sends is not wanted, but must not stay in the pipe.
      request.resume();
      answer(options, request)
        .catch((error: unknown) => {
          options.log.error({ path: request.url, err: error }, 'a request could not be answered');
          return { status: 500, body: 'internal error\n' };
        })
        .then((reply) => send(request, response, reply))
        .catch(() => response.destroy());
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`cannot listen on ${options.listen}: ${cause.message}`, { cause })),
    );
    server.listen({ port, host }, resolve);
  });
  server.on('error', (error) => options.log.error({ err: error }, 'the health and metrics server failed'));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

interface Reply {
  status: number;
  body: string;
  contentType?: string;
}

const health = (check: HealthCheck): Reply => {
  const wrong = check();
  return wrong === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${wrong}\n` };
};

const answer = async (options: HttpServerOptions, request: IncomingMessage): Promise<Reply> => {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'only GET\n' };
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  switch (path) {
    case '/healthz':
      return health(options.healthy);
    case '/readyz':
      return health(options.ready);
    case '/metrics':
      return { status: 200, ...(await options.metrics()) };
    default:
      return { status: 404, body: 'there is /healthz, /readyz and /metrics\n' };
  }
};

const send = (request: IncomingMessage, response: ServerResponse, reply: Reply): void => {
  response.writeHead(reply.status, {
    'content-type': reply.contentType ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(reply.body),
    'x-content-type-options': 'nosniff',
    ...(reply.status === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
};
