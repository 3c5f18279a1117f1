/** For tests: a real HTTP server on 127.0.0.1 that misbehaves as the test wishes, and a client for it. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { ClusterConfig } from './cluster-config.ts';

export interface TestServer {
  readonly config: ClusterConfig;
  /** `METHOD /path?query`, in the order of arrival. */
  readonly requests: string[];
  /** Connections accepted since the start. */
  connections(): number;
  /** Tears down every connection, then the server. */
  close(): Promise<void>;
}

export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
  index: number,
) => void | Promise<void>;

/** `index` counts the requests from 0. */
export const startTestServer = async (handler: Handler): Promise<TestServer> => {
  const requests: string[] = [];
  let connections = 0;
  const server: Server = createServer((request, response) => {
    const index = requests.push(`${request.method ?? ''} ${request.url ?? ''}`) - 1;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void handler(request, response, Buffer.concat(chunks).toString(), index));
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    config: {
      source: 'test',
      server: new URL(`http://127.0.0.1:${port}`),
      credentials: () => Promise.resolve({ token: 'secret-token' }),
      forgetCredentials: () => undefined,
    },
    requests,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

export const sendJson = (
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
};

/** A metav1.Status as the API server sends it. */
export const status = (code: number, reason: string, message = reason): Record<string, unknown> => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
});
