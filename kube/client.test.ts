import { createGzip } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { CONFIG_MAPS, NODES } from './core.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { FakeClock } from './fake-clock.ts';
import { type Handler, type TestServer, sendJson, startTestServer, status } from './test-server.ts';
import type { KubeObject } from './types.ts';

const cleanup: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

const serve = async (handler: Handler, options: Parameters<typeof createClient>[1] = {}) => {
  const server: TestServer = await startTestServer(handler);
  const client = createClient(server.config, options);
  cleanup.push(
    () => server.close(),
    () => client.close(),
  );
  return { server, client };
};
const node = (name: string): KubeObject => ({ metadata: { name, resourceVersion: '1' } });
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('requests', () => {
  it('go to the path of the kind, with user agent, token and body', async () => {
    const seen: Record<string, unknown>[] = [];
    const { client, server } = await serve(
      (request, response, body) => {
        seen.push({ ...request.headers, body });
        sendJson(response, 200, node('a'));
      },
      { userAgent: 'agent/1' },
    );
    await client.get(NODES, 'a');
    await client.list(CONFIG_MAPS, { labelSelector: 'a=b', limit: 5 }).catch(() => undefined);
    await client.apply(
      CONFIG_MAPS,
      { metadata: { name: 'c', namespace: 'n' } },
      { fieldManager: 'me', force: true },
    );
    await client.create(CONFIG_MAPS, { metadata: { name: 'c', namespace: 'n' } }, { dryRun: true });
    await client.replace(NODES, node('a'), { subresource: 'status' });
    await client.delete(NODES, 'a', { uid: 'u', resourceVersion: '7' });
    expect(server.requests).toEqual([
      'GET /api/v1/nodes/a',
      'GET /api/v1/configmaps?labelSelector=a%3Db&limit=5',
      'PATCH /api/v1/namespaces/n/configmaps/c?fieldManager=me&force=true',
      'POST /api/v1/namespaces/n/configmaps?dryRun=All',
      'PUT /api/v1/nodes/a/status',
      'DELETE /api/v1/nodes/a',
    ]);
    expect(seen[0]).toMatchObject({ 'user-agent': 'agent/1', authorization: 'Bearer secret-token' });
    expect(seen[2]).toMatchObject({
      'content-type': 'application/apply-patch+yaml',
      body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n"}}',
    });
    expect(JSON.parse(String(seen[5]?.['body']))).toMatchObject({
      preconditions: { uid: 'u', resourceVersion: '7' },
    });
  });

  it.each(['', '.', '..', 'a/b', 'a%2fb', 'a\nb'])(
    'refuse the name %j before anything is sent',
    async (name) => {
      const { client, server } = await serve((_, response) => sendJson(response, 200, node('a')));
      await expect(client.get(NODES, name)).rejects.toThrow('cannot be part of a URL path');
      await expect(client.get(CONFIG_MAPS, 'a', name)).rejects.toThrow('cannot be part of a URL path');
      expect(server.requests).toEqual([]);
    },
  );

  it('refuse a namespaced object without a namespace, and the reverse', async () => {
    const { client } = await serve((_, response) => sendJson(response, 200, node('a')));
    await expect(client.get(CONFIG_MAPS, 'a')).rejects.toThrow('ConfigMap "a" needs a namespace');
    await expect(client.create(CONFIG_MAPS, node('a'))).rejects.toThrow('needs a namespace');
    await expect(client.get(NODES, 'a', 'n')).rejects.toThrow('cluster-scoped');
  });

  it('read a compressed list and give each item its type', async () => {
    const { client } = await serve((request, response) => {
      expect(request.headers['accept-encoding']).toBe('gzip');
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      const gzip = createGzip();
      gzip.pipe(response);
      gzip.end(JSON.stringify({ metadata: { resourceVersion: '9', continue: 'next' }, items: [node('ä')] }));
    });
    expect(await client.list(NODES)).toEqual({
      resourceVersion: '9',
      continue: 'next',
      items: [{ apiVersion: 'v1', kind: 'Node', ...node('ä') }],
    });
  });

  it('share few connections', async () => {
    const { client, server } = await serve((_, response) => sendJson(response, 200, node('a')), {
      connections: 3,
    });
    await Promise.all(Array.from({ length: 100 }, () => client.get(NODES, 'a')));
    expect(server.requests).toHaveLength(100);
    expect(server.connections()).toBeLessThanOrEqual(3);
  });

  it('are not held up by open watches', async () => {
    const { client } = await serve(
      (request, response) => {
        if (request.url?.includes('watch') === true) response.writeHead(200).flushHeaders();
        else sendJson(response, 200, node('a'));
      },
      { connections: 1 },
    );
    const stop = new AbortController();
    const watches = Array.from({ length: 5 }, async () => {
      for await (const event of client.watch(NODES, {
        resourceVersion: '1',
        timeoutSeconds: 60,
        signal: stop.signal,
      }))
        throw new Error(event.type);
    });
    await client.get(NODES, 'a');
    stop.abort();
    await Promise.all(watches);
  });
});

describe('failures', () => {
  it('carry the Status of the server', async () => {
    const causes = [{ reason: 'FieldManagerConflict', field: '.metadata.labels.a', message: 'conflict' }];
    const { client } = await serve((_, response) =>
      sendJson(response, 409, { ...status(409, 'Conflict', 'owned by x'), details: { name: 'a', causes } }),
    );
    const error = await failure(client.get(NODES, 'a'));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', details: { name: 'a', causes } },
    });
    expect(String(error)).toBe('ApiError: get Node a: 409 owned by x');
    expect(JSON.stringify(error)).not.toContain('secret-token');
  });

  it('of a proxy keep its first words', async () => {
    const { client } = await serve((_, response) => {
      response.writeHead(502).end('<html>Bad gateway</html>');
    });
    expect(await failure(client.get(NODES, 'a'))).toMatchObject({
      status: 502,
      body: { message: '<html>Bad gateway</html>' },
    });
  });

  it.each<[string, Handler, RegExp]>([
    ['a reset before the answer', (request) => request.socket.destroy(), /socket hang up|ECONNRESET/],
    [
      'a reset in the middle',
      (request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"metadata":', () => request.socket.destroy());
      },
      /aborted|ECONNRESET/,
    ],
    [
      'truncated JSON',
      (_, response) => void response.writeHead(200).end('{"metadata":{"name":"a"'),
      /not JSON/,
    ],
    ['something else than an object', (_, response) => sendJson(response, 200, [1]), /not an object/],
    [
      'an answer that is too long',
      (_, response) => sendJson(response, 200, { pad: 'x'.repeat(5000) }),
      /longer than 4096/,
    ],
    [
      'a cut compressed answer',
      (_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.end(Buffer.from('1f8b0800000000000003ab', 'hex'));
      },
      /unexpected end of file/,
    ],
    ['no answer in time', () => undefined, /no full answer within 0.3 s|silent for 0.3 s/],
    [
      'an answer that never ends',
      (_, response) => {
        response.writeHead(200).write('{');
      },
      /no full answer within 0.3 s|silent for 0.3 s/,
    ],
  ])('%s is a ConnectionError', async (_, handler, message) => {
    const { client } = await serve(handler, { timeoutMs: 300, maxAnswerBytes: 4096 });
    const error = await failure(client.list(NODES));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toMatch(/^ConnectionError: list Node: /);
    expect(String(error)).toMatch(message);
  });

  it('a refused connection is a ConnectionError', async () => {
    const { client, server } = await serve(() => undefined);
    await server.close();
    const error = await failure(client.get(NODES, 'a'));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toContain('ECONNREFUSED');
  });

  it('a slow list succeeds as long as it keeps coming', async () => {
    const text = JSON.stringify({ metadata: { resourceVersion: '1' }, items: [node('a')] });
    const { client } = await serve(
      (_, response) => {
        response.writeHead(200);
        let at = 0;
        const timer = setInterval(() => {
          response.write(text.slice(at, at + 10));
          at += 10;
          if (at < text.length) return;
          clearInterval(timer);
          response.end();
        }, 60);
      },
      { timeoutMs: 250 },
    );
    expect((await client.list(NODES)).items).toHaveLength(1);
  });

  it('an aborted request ends at once', async () => {
    const stop = new AbortController();
    const { client } = await serve(() => stop.abort(new Error('enough')));
    expect(String(await failure(client.get(NODES, 'a', undefined, stop.signal)))).toContain('enough');
    expect(await failure(client.get(NODES, 'a', undefined, stop.signal))).toBeInstanceOf(ConnectionError);
  });

  it('after close nothing is sent, and what was under way fails', async () => {
    const { client, server } = await serve(() => undefined);
    const pending = failure(client.get(NODES, 'a'));
    await expect.poll(() => server.requests.length).toBe(1);
    client.close();
    expect(await pending).toBeInstanceOf(ConnectionError);
    expect(String(await failure(client.get(NODES, 'a')))).toBe(
      'ConnectionError: get Node a: the client is closed',
    );
    expect(server.requests).toHaveLength(1);
  });

  it('plain http is for this machine only', () => {
    const config = {
      source: 'x',
      credentials: () => Promise.resolve({}),
      forgetCredentials: () => undefined,
    };
    expect(() => createClient({ ...config, server: new URL('http://10.0.0.1') })).toThrow('must be https');
  });
});

describe('trying again', () => {
  it('after 429 waits as long as the server asks', async () => {
    const clock = new FakeClock();
    const { client, server } = await serve(
      (_, response, __, index) =>
        index < 2
          ? sendJson(response, 429, status(429, 'TooManyRequests'), { 'retry-after': '3' })
          : sendJson(response, 200, node('a')),
      { clock },
    );
    let name = '';
    const done = client.get(NODES, 'a').then((object) => (name = object.metadata.name));
    await expect.poll(() => server.requests.length).toBe(1);
    await expect.poll(() => clock.sleeping).toBe(1);
    await clock.advance(2_900);
    expect(server.requests).toHaveLength(1);
    await clock.advance(200);
    await expect.poll(() => server.requests.length).toBe(2);
    await expect.poll(() => clock.sleeping).toBe(1);
    await clock.advance(3_000);
    await done;
    expect(name).toBe('a');
  });

  it('after 429 stops some time, and never repeats a create', async () => {
    const { client, server } = await serve((_, response) =>
      sendJson(response, 429, status(429, 'TooManyRequests'), { 'retry-after': '0' }),
    );
    expect(await failure(client.get(NODES, 'a'))).toMatchObject({ status: 429, retryAfterSeconds: 0 });
    expect(server.requests).toHaveLength(5);
    expect(await failure(client.create(NODES, node('a')))).toMatchObject({ status: 429 });
    expect(server.requests).toHaveLength(6);
  });

  it('does not wait for hours', async () => {
    const { client, server } = await serve((_, response) =>
      sendJson(response, 429, status(429, 'TooManyRequests'), { 'retry-after': '3600' }),
    );
    expect(await failure(client.get(NODES, 'a'))).toMatchObject({ retryAfterSeconds: 3600 });
    expect(server.requests).toHaveLength(1);
  });

  it('after 500 is left to the caller', async () => {
    const { client, server } = await serve((_, response) =>
      sendJson(response, 500, status(500, 'InternalError')),
    );
    expect(await failure(client.get(NODES, 'a'))).toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(1);
  });

  it('after 401 takes new credentials, once', async () => {
    let token = 'old';
    const server = await startTestServer((request, response) =>
      request.headers.authorization === 'Bearer new'
        ? sendJson(response, 200, node('a'))
        : sendJson(response, 401, status(401, 'Unauthorized')),
    );
    let renewals = 0;
    const client = createClient({
      ...server.config,
      credentials: () => Promise.resolve({ token }),
      forgetCredentials: () => {
        renewals += 1;
        if (renewals === 2) token = 'new';
      },
    });
    cleanup.push(
      () => server.close(),
      () => client.close(),
    );
    expect(await failure(client.get(NODES, 'a'))).toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(2);
    expect((await client.get(NODES, 'a')).metadata.name).toBe('a');
    expect(renewals).toBe(2);
  });

  it('on a connection that the server closed while idle, a read goes out again', async () => {
    // The second request on a connection finds it closed under its hands.
    const served = new WeakSet<object>();
    const { client, server } = await serve(
      (request, response) => {
        if (served.has(request.socket)) request.socket.destroy();
        else {
          served.add(request.socket);
          sendJson(response, 200, node('a'));
        }
      },
      { connections: 1 },
    );
    await client.get(NODES, 'a');
    expect((await client.get(NODES, 'a')).metadata.name).toBe('a');
    expect(server.connections()).toBe(2);
    expect(await failure(client.create(NODES, node('a')))).toBeInstanceOf(ConnectionError);
  });
});
