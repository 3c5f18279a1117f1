/** HTTP to one API server over node:https: pooled connections, deadlines, and nothing else. */
import type Http from 'node:http';
import https from 'node:https';
import { createSecureContext } from 'node:tls';
import { type Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Clock } from './clock.ts';
import type { ClusterConfig, Credentials } from './cluster-config.ts';
import { http } from './node-http.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, below the server's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Answers of any length take the other pool, so that open watches never starve requests. */
  readonly watch: boolean;
  /** Until the whole answer is there (of a watch: until it begins), milliseconds. */
  readonly timeoutMs: number;
  /** Without a single byte, milliseconds. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Http.IncomingHttpHeaders;
  /** Decompressed. Fails when the connection is cut, silent or out of time. */
  readonly body: Readable;
  /** The answer has been read or is not wanted: its timers go, and its connection when there is more to come. */
  release(): void;
  /** Why the answer was cut from this side, when it was. */
  cutBy(): Error | undefined;
}

/** A failure before any answer; `stale` when the server had closed a pooled connection just as it was taken. */
export class SendError extends Error {
  readonly stale: boolean;

  constructor(cause: unknown, stale: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.stale = stale;
  }
}

interface Pools {
  readonly requests: Http.Agent;
  readonly watches: Http.Agent;
}

/** Idle connections are closed before balancers forget them; dead peers are noticed by TCP within a minute. */
const IDLE_MS = 30_000;
const TCP_KEEPALIVE_MS = 30_000;

export class Transport {
  readonly #config: ClusterConfig;
  readonly #clock: Clock;
  readonly #connections: number;
  #pools: Pools | undefined;
  #material: Credentials | undefined;
  #closed = false;

  /** @throws Error for plain http to anywhere but this machine. */
  constructor(config: ClusterConfig, clock: Clock, connections: number) {
    const { protocol, hostname } = config.server;
    const loopback = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
    if (protocol !== 'https:' && !(protocol === 'http:' && loopback))
      throw new Error(`${config.source}: server ${config.server.origin} must be https`);
    this.#config = config;
    this.#clock = clock;
    this.#connections = connections;
  }

  /**
   * Sends one request and resolves when the answer begins.
   * @throws SendError without an answer; what `config.credentials()` throws.
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const credentials = await this.#config.credentials();
    request.signal?.throwIfAborted();
    if (this.#closed) throw new Error('the client is closed');
    const pools = this.#poolsFor(credentials);
    const { server } = this.#config;
    const secure = server.protocol === 'https:';
    const headers: Record<string, string> = { ...request.headers };
    if (credentials.token !== undefined) headers['authorization'] = `Bearer ${credentials.token}`;
    if (request.body !== undefined) headers['content-length'] = String(Buffer.byteLength(request.body));
    const options: https.RequestOptions = {
      method: request.method,
      hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port === '' ? (secure ? 443 : 80) : server.port,
      path: `${server.pathname.replace(/\/$/, '')}${request.path}`,
      headers,
      agent: request.watch ? pools.watches : pools.requests,
    };
    return this.#exchange((secure ? https : http).request(options), request);
  }

  #exchange(outgoing: Http.ClientRequest, request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      const over = new AbortController();
      let incoming: Http.IncomingMessage | undefined;
      let cut: Error | undefined;
      const stop = (reason: Error): void => {
        cut ??= reason;
        (incoming ?? outgoing).destroy(reason);
      };
      const abort = (): void => stop(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      const finish = (): void => {
        over.abort();
        signal?.removeEventListener('abort', abort);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const deadline = (): void => {
        void this.#clock.delay(request.timeoutMs, over.signal).then(() => {
          if (!over.signal.aborted) stop(new Error(`no full answer within ${request.timeoutMs / 1000} s`));
        });
      };
      deadline();
      outgoing.setTimeout(request.silenceMs, () =>
        stop(new Error(`the connection was silent for ${request.silenceMs / 1000} s`)),
      );
      outgoing.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEPALIVE_MS));
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        finish();
        const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
        reject(new SendError(cut ?? error, cut === undefined && outgoing.reusedSocket && reset));
      });
      outgoing.on('response', (response) => {
        incoming = response;
        // A watch has begun; from here on only silence ends it.
        if (request.watch) over.abort();
        let body: Readable = response;
        if (response.headers['content-encoding'] === 'gzip') {
          const gunzip = createGunzip();
          body = gunzip;
          // pipeline hands errors on; whoever reads the body sees them there.
          pipeline(response, gunzip, () => undefined);
        }
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body,
          release: () => {
            finish();
            if (response.readableEnded) return;
            body.on('error', () => undefined);
            response.on('error', () => undefined);
            response.destroy();
          },
          cutBy: () => cut,
        });
      });
      outgoing.end(request.body);
    });
  }

  /** Closes every connection; answers under way fail. */
  close(): void {
    this.#closed = true;
    this.#pools?.requests.destroy();
    this.#pools?.watches.destroy();
  }

  /** New CA or client certificate: new connections from now on, the old ones finish what they are doing. */
  #poolsFor(credentials: Credentials): Pools {
    const { ca, certificate, key } = credentials;
    const last = this.#material;
    if (
      this.#pools !== undefined &&
      last !== undefined &&
      last.ca === ca &&
      last.certificate === certificate &&
      last.key === key
    )
      return this.#pools;
    const secure = this.#config.server.protocol === 'https:';
    const tls: https.AgentOptions = {};
    if (secure) {
      // Parsed once, not for every connection.
      tls.secureContext = createSecureContext({ ca, cert: certificate, key });
      tls.rejectUnauthorized = this.#config.insecureSkipTlsVerify !== true;
      if (this.#config.tlsServerName !== undefined) tls.servername = this.#config.tlsServerName;
    }
    const agent = (options: https.AgentOptions): Http.Agent => {
      const all = { keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo', ...tls, ...options } as const;
      return secure ? new https.Agent(all) : new http.Agent(all);
    };
    const old = this.#pools;
    this.#pools = {
      requests: agent({ maxSockets: this.#connections }),
      watches: agent({ maxFreeSockets: 2 }),
    };
    this.#material = credentials;
    if (old !== undefined) for (const pool of [old.requests, old.watches]) retire(pool);
    return this.#pools;
  }
}

/** Closes what is idle now, and the rest as each becomes idle. */
const retire = (agent: Http.Agent): void => {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
};
