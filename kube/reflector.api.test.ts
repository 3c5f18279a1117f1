import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../test/control-plane/start.ts';
import { createClient } from './client.ts';
import { type Clock, systemClock } from './clock.ts';
import { loadConfig } from './config.ts';
import { CONFIG_MAPS, type ConfigMap } from './core.ts';
import { Reflector } from './reflector.ts';
import { silentLogger } from './silent-logger.ts';

let plane: ControlPlane;
let client: ReturnType<typeof createClient>;
beforeAll(async () => {
  plane = await startControlPlane({ controllers: false });
  client = createClient(await loadConfig({ env: {}, kubeconfig: plane.kubeconfig }));
});
afterAll(async () => {
  client.close();
  await plane.stop();
});

const configMap = (name: string, value: string): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data: { value },
});
const write = (name: string, value: string) =>
  client.apply(CONFIG_MAPS, configMap(name, value), { fieldManager: 'test' });
const gate = () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
};

describe('the reflector over a killed API server', () => {
  // Held back, the reflector meets a server that no longer knows its resourceVersion; else it goes on with the watch.
  it.each([true, false])('loses no event (held back until all is written: %s)', async (heldBack) => {
    const names = Array.from({ length: 10 }, (_, index) => `${heldBack ? 'held' : 'free'}-${index}`);
    for (const name of names) await write(name, 'before');

    let hold: Promise<void> | undefined;
    const clock: Clock = {
      ...systemClock,
      delay: async (_, signal) => {
        await (hold ?? systemClock.delay(50, signal));
      },
    };
    const seen = new Map<string, (string | undefined)[]>();
    const messages: string[] = [];
    const note = (fields: object, message: string): void =>
      void messages.push(`${message} ${'err' in fields ? String(fields.err) : ''}`);
    const reflector: Reflector<string> = new Reflector<string, ConfigMap>({
      client,
      resource: CONFIG_MAPS,
      list: { namespace: 'default' },
      project: (object) => object.data?.['value'] ?? '',
      clock,
      random: Math.random,
      log: { ...silentLogger, info: note, warn: note, error: note },
      onChange: (key) => {
        const values = seen.get(key) ?? [];
        values.push(reflector.get(key));
        seen.set(key, values);
      },
    });
    const stop = new AbortController();
    const finished = reflector.run(stop.signal);
    await reflector.synced();
    const key = (index: number): string => `default/${names[index] ?? ''}`;
    await expect.poll(() => reflector.get(key(9))).toBe('before');

    const writing = gate();
    if (heldBack) hold = writing.opened;
    await plane.killApiServer();
    await plane.startApiServer();
    // Every kind of change, some objects more than once, with other writes between them.
    for (let round = 0; round < 20; round += 1) await write('other', String(round));
    await write(names[0] ?? '', 'once');
    await write(names[1] ?? '', 'once');
    await write(names[1] ?? '', 'twice');
    await client.delete(CONFIG_MAPS, names[2] ?? '', { namespace: 'default' });
    await client.delete(CONFIG_MAPS, names[3] ?? '', { namespace: 'default' });
    await write(names[3] ?? '', 'again');
    await write(`${names[0] ?? ''}-new`, 'new');
    // A server started after the writes does not have them in its watch cache: the old resourceVersion is gone.
    if (heldBack) await plane.restartApiServer();
    writing.open();
    hold = undefined;

    await expect.poll(() => reflector.get(`${key(0)}-new`), { timeout: 20_000 }).toBe('new');
    await expect.poll(() => reflector.has(key(2))).toBe(false);
    const last = (index: number): string | undefined => seen.get(key(index))?.at(-1);
    expect([last(0), last(1), last(2), last(3), last(4)]).toEqual([
      'once',
      'twice',
      undefined,
      'again',
      'before',
    ]);
    // What did not change was reported once, at the beginning.
    for (let index = 4; index < 10; index += 1) expect(seen.get(key(index))).toEqual(['before']);
    expect(messages.some((message) => message.startsWith('list or watch failed'))).toBe(true);
    if (heldBack) expect(messages.some((message) => message.startsWith('the watch fell behind'))).toBe(true);

    // And it goes on: the same store follows what comes next.
    await write(names[5] ?? '', 'after');
    await expect.poll(() => reflector.get(key(5))).toBe('after');
    const { items } = await client.list<ConfigMap>(CONFIG_MAPS, { namespace: 'default' });
    expect(reflector.keys().sort()).toEqual(items.map(({ metadata }) => `default/${metadata.name}`).sort());
    stop.abort();
    await finished;
  });
});
