import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { NODES } from './core.ts';
import { FakeClock } from './fake-clock.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { silentLogger } from './silent-logger.ts';
import { type Handler, type TestServer, sendJson, startTestServer, status } from './test-server.ts';
import type { KubeObject } from './types.ts';

const cleanup: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

const node = (name: string, resourceVersion: string, zone = 'z'): KubeObject => ({
  metadata: { name, resourceVersion, labels: { zone } },
});
const list = (resourceVersion: string, items: KubeObject[], more?: string): unknown => ({
  metadata: { resourceVersion, continue: more },
  items,
});
const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
const zoneOf = (object: KubeObject): string => object.metadata.labels?.['zone'] ?? '';

/** One answer for each request in turn; each says what it expects of the request's query. */
const script = (...steps: [query: RegExp, answer: Handler][]): Handler => {
  return (request, response, body, index) => {
    const [expected, answer] = steps[index] ?? [/^/, () => response.writeHead(200).flushHeaders()];
    if (expected.test(request.url ?? '')) return answer(request, response, body, index);
    sendJson(
      response,
      500,
      status(500, 'Unexpected', `request ${index} was ${request.url ?? ''}, not ${String(expected)}`),
    );
  };
};
const stream =
  (...lines: string[]): Handler =>
  (_, response) => {
    response.writeHead(200);
    for (const text of lines) response.write(text);
  };
const ended =
  (...lines: string[]): Handler =>
  (_, response) => {
    response.writeHead(200);
    response.end(lines.join(''));
  };

interface Running {
  server: TestServer;
  reflector: Reflector<string>;
  changes: string[];
  messages: string[];
  stop: AbortController;
  finished: Promise<void>;
}

/** Delays of the reflector pass at once, so that backing off costs the test nothing. */
const hasty = (delays: number[]): Clock => ({
  ...systemClock,
  delay: (milliseconds, signal) => {
    delays.push(milliseconds);
    return systemClock.delay(1, signal);
  },
});

const start = async (
  handler: Handler,
  options: Partial<ReflectorOptions<string>> & { delays?: number[] } = {},
): Promise<Running> => {
  const server = await startTestServer(handler);
  const client = createClient(server.config);
  const changes: string[] = [];
  const messages: string[] = [];
  const stop = new AbortController();
  const note = (fields: object, message: string): void =>
    void messages.push(`${message}: ${'err' in fields ? String(fields.err) : ''}`);
  const reflector = new Reflector<string>({
    client,
    resource: NODES,
    project: zoneOf,
    clock: hasty(options.delays ?? []),
    random: () => 0,
    log: { ...silentLogger, info: note, warn: note, error: note },
    onChange: (key) => changes.push(key),
    ...options,
  });
  const finished = reflector.run(stop.signal);
  cleanup.push(
    () => server.close(),
    () => client.close(),
    async () => {
      stop.abort();
      await finished;
    },
  );
  return { server, reflector, changes, messages, stop, finished };
};

describe('Reflector', () => {
  it('lists in pages, then follows the watch from there', async () => {
    const { reflector, changes, server } = await start(
      script(
        [
          /\?limit=2$/,
          (_, response) => sendJson(response, 200, list('10', [node('a', '1'), node('b', '2')], 'next')),
        ],
        [/limit=2&continue=next/, (_, response) => sendJson(response, 200, list('10', [node('c', '3')]))],
        [
          /resourceVersion=10&timeoutSeconds=300&watch=true/,
          stream(
            line('ADDED', node('d', '11')),
            line('MODIFIED', node('a', '12', 'y')),
            line('DELETED', node('b', '13')),
          ),
        ],
      ),
      { pageSize: 2 },
    );
    expect(reflector.hasSynced).toBe(false);
    await reflector.synced();
    expect(changes.slice(0, 3)).toEqual(['a', 'b', 'c']);
    await expect.poll(() => changes.slice(3)).toEqual(['d', 'a', 'b']);
    expect(reflector.keys()).toEqual(['a', 'c', 'd']);
    expect(reflector.get('a')).toBe('y');
    expect(reflector.get('b')).toBeUndefined();
    expect(reflector.values()).toEqual(['y', 'z', 'z']);
    expect(server.requests).toHaveLength(3);
  });

  it('after a watch that ended goes on from the last event or bookmark, without a list', async () => {
    const { changes, server, messages } = await start(
      script(
        [/limit/, (_, response) => sendJson(response, 200, list('10', [node('a', '1')]))],
        [
          /resourceVersion=10&/,
          ended(line('ADDED', node('b', '11')), line('BOOKMARK', { metadata: { resourceVersion: '20' } })),
        ],
        [/resourceVersion=20&/, ended(line('MODIFIED', node('a', '21')))],
        [/resourceVersion=21&/, stream(line('ADDED', node('c', '22')))],
      ),
    );
    await expect.poll(() => changes).toEqual(['a', 'b', 'a', 'c']);
    expect(server.requests).toHaveLength(4);
    expect(messages).toEqual([]);
  });

  it.each<[string, Handler]>([
    ['in the stream', ended(line('ERROR', status(410, 'Expired')))],
    ['as the answer', (_, response) => sendJson(response, 410, status(410, 'Expired'))],
  ])('410 %s: lists again and reports only what differs, deletions too', async (_, gone) => {
    const { changes, reflector } = await start(
      script(
        [
          /limit/,
          (_, response) =>
            sendJson(response, 200, list('10', [node('a', '1'), node('b', '2'), node('c', '3')])),
        ],
        [/resourceVersion=10&/, gone],
        [
          /limit=500$/,
          (_, response) =>
            sendJson(response, 200, list('30', [node('a', '1'), node('c', '9', 'new'), node('d', '8')])),
        ],
        [/resourceVersion=30&/, stream()],
      ),
    );
    await expect.poll(() => changes.slice(3)).toEqual(['c', 'd', 'b']);
    expect(reflector.keys()).toEqual(['a', 'c', 'd']);
    expect(reflector.get('c')).toBe('new');
  });

  it('410 between two pages: the next list comes in one piece, and the store was never half', async () => {
    const { changes, reflector, server } = await start(
      script(
        [/limit/, (_, response) => sendJson(response, 200, list('10', [node('a', '1')], 'next'))],
        [/continue=next/, (_, response) => sendJson(response, 410, status(410, 'Expired'))],
        [/nodes$/, (_, response) => sendJson(response, 200, list('30', [node('b', '2'), node('c', '3')]))],
        [/resourceVersion=30&/, stream()],
      ),
    );
    await reflector.synced();
    expect(changes).toEqual(['b', 'c']);
    expect(server.requests[2]).toBe('GET /api/v1/nodes');
  });

  it.each<[string, Handler]>([
    ['500', (_, response) => sendJson(response, 500, status(500, 'InternalError'))],
    ['409', (_, response) => sendJson(response, 409, status(409, 'Conflict'))],
    ['404', (_, response) => sendJson(response, 404, status(404, 'NotFound'))],
    ['a cut line', ended(line('ADDED', node('b', '11')).slice(0, 30))],
    [
      'a reset in the middle',
      (request, response) => {
        response.writeHead(200);
        response.write('{"type":"ADD', () => request.socket.destroy());
      },
    ],
    ['a watch that ends at once', ended()],
  ])('%s: goes on where it was after a while, without a list', async (_, fault) => {
    const delays: number[] = [];
    const { changes, server, messages } = await start(
      script(
        [/limit/, (_, response) => sendJson(response, 200, list('10', [node('a', '1')]))],
        [/resourceVersion=10&/, fault],
        [/resourceVersion=10&/, fault],
        [/resourceVersion=10&/, stream(line('ADDED', node('b', '11')))],
      ),
      { delays },
    );
    await expect.poll(() => changes).toEqual(['a', 'b']);
    expect(delays).toEqual([400, 800]);
    expect(messages).toHaveLength(2);
    expect(server.requests).toHaveLength(4);
  });

  it('a silent connection is given up', async () => {
    const server = await startTestServer(
      script(
        [/limit/, (_, response) => sendJson(response, 200, list('10', []))],
        [/resourceVersion=10&/, stream()],
        [/resourceVersion=10&/, stream(line('ADDED', node('b', '11')))],
      ),
    );
    const client = createClient(server.config);
    const changes: string[] = [];
    const stop = new AbortController();
    const reflector = new Reflector<string>({
      client: {
        list: (resource, options) => client.list(resource, options),
        watch: (resource, options) => client.watch(resource, { ...options, silenceMs: 100 }),
      },
      resource: NODES,
      project: zoneOf,
      clock: hasty([]),
      random: () => 0,
      log: silentLogger,
      onChange: (key) => changes.push(key),
    });
    const finished = reflector.run(stop.signal);
    cleanup.push(
      () => server.close(),
      () => client.close(),
      async () => (stop.abort(), finished),
    );
    await expect.poll(() => changes).toEqual(['b']);
  });

  it('lists again after minutes without even a bookmark', async () => {
    const clock = new FakeClock();
    let lists = 0;
    const stop = new AbortController();
    const reflector = new Reflector<string>({
      client: {
        list: () => {
          lists += 1;
          return Promise.resolve({ items: [], resourceVersion: '1' });
        },
        watch: async function* (_, { signal, timeoutSeconds }) {
          await clock.delay(timeoutSeconds * 1000, signal);
        },
      },
      resource: NODES,
      project: zoneOf,
      clock,
      random: () => 0,
      log: silentLogger,
      onChange: () => undefined,
    });
    const finished = reflector.run(stop.signal);
    await clock.advance(299_000);
    expect(lists).toBe(1);
    await clock.advance(2_000);
    expect(lists).toBe(2);
    stop.abort();
    await finished;
  });

  it('backs off to 30 s, and begins anew after two healthy minutes', async () => {
    const clock = new FakeClock();
    const at: number[] = [];
    let healthy = false;
    const stop = new AbortController();
    const reflector = new Reflector<string>({
      client: {
        list: () => Promise.resolve({ items: [], resourceVersion: '1' }),
        watch: async function* (_, { signal }) {
          at.push(clock.monotonic());
          if (healthy) await clock.delay(125_000, signal);
          healthy = false;
          throw new Error('cut');
        },
      },
      resource: NODES,
      project: zoneOf,
      clock,
      random: () => 0.999_999,
      log: silentLogger,
      onChange: () => undefined,
    });
    const finished = reflector.run(stop.signal);
    await clock.advance(200_000);
    const gaps = at.slice(1).map((time, index) => Math.round((time - (at[index] ?? 0)) / 100) / 10);
    expect(gaps).toEqual([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30, 30]);
    healthy = true;
    const before = at.length;
    await clock.advance(30_000 + 125_000 + 1_000);
    const [began = 0, again = 0] = at.slice(before);
    expect(Math.round(again - began)).toBe(125_800);
    stop.abort();
    await finished;
  });

  it('a throwing project leaves what was known; a throwing handler stops nothing', async () => {
    let calls = 0;
    const { reflector, messages } = await start(
      script(
        [/limit/, (_, response) => sendJson(response, 200, list('10', [node('a', '1'), node('bad', '1')]))],
        [
          /resourceVersion=10&/,
          stream(line('MODIFIED', node('a', '11', 'throw')), line('ADDED', node('c', '12'))),
        ],
      ),
      {
        project: (object) => {
          if (zoneOf(object) === 'throw' || object.metadata.name === 'bad') throw new Error('no such zone');
          return zoneOf(object);
        },
        onChange: () => {
          calls += 1;
          throw new Error('handler');
        },
      },
    );
    await expect.poll(() => reflector.get('c')).toBe('z');
    expect(reflector.get('a')).toBe('z');
    expect(reflector.has('bad')).toBe(false);
    expect(calls).toBe(2);
    expect(messages.filter((message) => message.includes('no such zone'))).toHaveLength(2);
    expect(messages.filter((message) => message.includes('handler'))).toHaveLength(2);
  });

  it('stops during a list that does not answer, and says so to those who wait', async () => {
    const { reflector, stop, finished, server } = await start(() => undefined);
    const waiting = reflector.synced();
    await expect.poll(() => server.requests.length).toBe(1);
    stop.abort();
    await finished;
    await expect(waiting).rejects.toThrow('stopped before its first list');
    expect(reflector.hasSynced).toBe(false);
  });

  it('runs once', async () => {
    const { reflector } = await start(() => undefined);
    await expect(reflector.run(new AbortController().signal)).rejects.toThrow('runs already');
  });
});
