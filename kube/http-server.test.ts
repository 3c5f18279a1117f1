import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpServer, type HttpServerOptions, parseListen, startHttpServer } from './http-server.ts';
import { silentLogger } from './silent-logger.ts';

let server: HttpServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const start = async (options: Partial<HttpServerOptions> = {}): Promise<string> => {
  server = await startHttpServer({
    listen: '127.0.0.1:0',
    healthy: () => undefined,
    ready: () => undefined,
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    log: silentLogger,
    ...options,
  });
  return `http://127.0.0.1:${server.port}`;
};
const get = async (url: string, method = 'GET') => {
  const response = await fetch(url, { method });
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') };
};

describe('startHttpServer', () => {
  it('answers health, readiness and metrics', async () => {
    let ready: string | undefined = 'waiting for the first probe';
    const url = await start({ ready: () => ready });
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await get(`${url}/readyz?verbose`)).toMatchObject({
      status: 503,
      body: 'waiting for the first probe\n',
    });
    ready = undefined;
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200 });
    expect(await get(`${url}/metrics`)).toEqual({
      status: 200,
      body: 'up 1\n',
      type: 'text/plain; version=0.0.4',
    });
    expect(await get(`${url}/metrics`, 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('has nothing else', async () => {
    const url = await start();
    expect((await get(`${url}/../etc/passwd`)).status).toBe(404);
    expect((await get(`${url}/healthz`, 'POST')).status).toBe(405);
  });

  it('survives metrics and checks that throw', async () => {
    const errors: unknown[] = [];
    const url = await start({
      metrics: () => Promise.reject(new Error('no')),
      healthy: () => {
        throw new Error('bug');
      },
      log: { ...silentLogger, error: (fields) => void errors.push(fields) },
    });
    expect(await get(`${url}/metrics`)).toMatchObject({ status: 500, body: 'internal error\n' });
    expect((await get(`${url}/healthz`)).status).toBe(500);
    expect(errors).toHaveLength(2);
  });

  it('stops in less than a second with open connections, idle, half asked and unanswered', async () => {
    const url = await start({ metrics: () => new Promise(() => undefined) });
    await get(`${url}/healthz`);
    const port = Number(new URL(url).port);
    const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    sockets[0]?.write('GET /healthz HTTP/1.1\r\n');
    sockets[1]?.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    const gone = Promise.all(
      sockets.map(
        (socket) => new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve)),
      ),
    );
    const began = performance.now();
    await server?.close();
    await gone;
    expect(performance.now() - began).toBeLessThan(1_000);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it('says which address is taken or wrong', async () => {
    const url = await start();
    const { port } = new URL(url);
    const options = {
      healthy: () => undefined,
      ready: () => undefined,
      metrics: () => Promise.reject(new Error()),
      log: silentLogger,
    };
    await expect(startHttpServer({ ...options, listen: `127.0.0.1:${port}` })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
    );
    await expect(startHttpServer({ ...options, listen: 'nonsense' })).rejects.toThrow(
      '"nonsense" is not an address',
    );
  });
});

describe('parseListen', () => {
  it.each([
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    [':8081', { host: undefined, port: 8081 }],
    ['[::1]:1', { host: '::1', port: 1 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('%s', (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });

  it.each(['8080', 'a:b', 'a:70000', '::1:80', ''])('refuses %j', (text) => {
    expect(() => parseListen(text)).toThrow(JSON.stringify(text));
  });
});
