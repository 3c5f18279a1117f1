import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { NODES } from './core.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { type Handler, sendJson, startTestServer, status } from './test-server.ts';
import type { WatchEvent } from './types.ts';
import { splitLines } from './watch.ts';

const cleanup: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

interface Result {
  events: WatchEvent<{ metadata: { name: string } }>[];
  error: unknown;
}
const watchWith = async (
  handler: Handler,
  options: { silenceMs?: number; stop?: AbortController; onEvent?: () => void } = {},
): Promise<Result> => {
  const server = await startTestServer(handler);
  const client = createClient(server.config);
  cleanup.push(
    () => server.close(),
    () => client.close(),
  );
  const { silenceMs = 20_000, stop = new AbortController(), onEvent } = options;
  const result: Result = { events: [], error: undefined };
  try {
    const given = { resourceVersion: '5', timeoutSeconds: 300, silenceMs, signal: stop.signal };
    for await (const event of client.watch(NODES, given)) {
      result.events.push(event);
      onEvent?.();
    }
  } catch (error) {
    result.error = error;
  }
  return result;
};
const line = (type: string, name: string, resourceVersion = '6'): string =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion } } })}\n`;

describe('splitLines', () => {
  const lines = async (chunks: Buffer[], limit?: number): Promise<string[]> => {
    const result: string[] = [];
    for await (const text of splitLines(Readable.from(chunks), limit)) result.push(text);
    return result;
  };

  it('gives the same lines however the bytes are cut', async () => {
    const text = fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\n', '|'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(text.filter((s) => s !== '')),
        fc.array(fc.nat(200)),
        async (expected, cuts) => {
          const bytes = Buffer.from(expected.map((entry) => `${entry}\n`).join(''));
          const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
            (a, b) => a - b,
          );
          const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
          expect(await lines(chunks)).toEqual(expected);
        },
      ),
    );
  });

  it('refuses a line over the limit, also in many pieces', async () => {
    await expect(lines([Buffer.from('abcdef\n')], 5)).rejects.toThrow('longer than 5 bytes');
    await expect(
      lines(
        ['ab', 'cd', 'ef'].map((piece) => Buffer.from(piece)),
        5,
      ),
    ).rejects.toThrow('longer');
    expect(await lines([Buffer.from('abcde\nabcde\n')], 5)).toEqual(['abcde', 'abcde']);
  });
});

describe('watch', () => {
  it('asks for bookmarks from where it is told and yields events until the server ends it', async () => {
    let url = '';
    const { events, error } = await watchWith((request, response) => {
      url = request.url ?? '';
      response.writeHead(200);
      response.write(line('ADDED', 'a'));
      response.write(line('BOOKMARK', '', '8'));
      response.end(line('DELETED', 'ü', '9'));
    });
    expect(error).toBeUndefined();
    expect(url).toBe(
      '/api/v1/nodes?resourceVersion=5&timeoutSeconds=300&watch=true&allowWatchBookmarks=true',
    );
    expect(events.map((event) => [event.type, event.object.metadata])).toEqual([
      ['ADDED', { name: 'a', resourceVersion: '6' }],
      ['BOOKMARK', { resourceVersion: '8' }],
      ['DELETED', { name: 'ü', resourceVersion: '9' }],
    ]);
  });

  it('throws the Status of an ERROR event', async () => {
    const { events, error } = await watchWith((_, response) => {
      response.writeHead(200);
      response.write(line('ADDED', 'a'));
      response.end(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired', 'too old') })}\n`);
    });
    expect(events).toHaveLength(1);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 410, body: { reason: 'Expired' } });
  });

  it('throws the Status of a refusal', async () => {
    const { error } = await watchWith((_, response) => sendJson(response, 403, status(403, 'Forbidden')));
    expect(error).toMatchObject({ status: 403 });
  });

  it.each<[string, Handler, RegExp]>([
    [
      'a cut line',
      (_, response) => void response.writeHead(200).end(line('ADDED', 'a').slice(0, 20)),
      /JSON/,
    ],
    ['no event', (_, response) => void response.writeHead(200).end('{"a":1}\n'), /not an event/],
    ['an unknown type', (_, response) => void response.writeHead(200).end(line('RENAMED', 'a')), /RENAMED/],
    [
      'a reset',
      (request, response) => {
        response.writeHead(200);
        response.write(line('ADDED', 'a'), () => request.socket.destroy());
      },
      /aborted|ECONNRESET/,
    ],
    [
      'silence',
      (_, response) => {
        response.writeHead(200);
        response.write(line('ADDED', 'a'));
      },
      /silent for 0.2 s/,
    ],
  ])('%s is a ConnectionError', async (_, handler, message) => {
    const { error } = await watchWith(handler, { silenceMs: 200 });
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toMatch(message);
  });

  it('ends quietly when aborted, before and after its first event', async () => {
    const stop = new AbortController();
    const { events, error } = await watchWith(
      (_, response) => {
        response.writeHead(200);
        response.write(line('ADDED', 'a'));
      },
      { stop, onEvent: () => stop.abort() },
    );
    expect([events.length, error]).toEqual([1, undefined]);
    const early = new AbortController();
    expect(await watchWith(() => early.abort(), { stop: early })).toEqual({ events: [], error: undefined });
  });

  it('closes its connection when the reader leaves', async () => {
    let closed = false;
    const server = await startTestServer((request, response) => {
      request.socket.on('close', () => (closed = true));
      response.writeHead(200);
      response.write(line('ADDED', 'a'));
    });
    const client = createClient(server.config);
    cleanup.push(
      () => server.close(),
      () => client.close(),
    );
    const signal = new AbortController().signal;
    for await (const event of client.watch(NODES, { resourceVersion: '1', timeoutSeconds: 300, signal })) {
      expect(event.type).toBe('ADDED');
      break;
    }
    await expect.poll(() => closed).toBe(true);
  });
});
