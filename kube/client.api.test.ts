import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedControlPlane } from '../test/control-plane/inject.ts';
import { createClient } from './client.ts';
import { systemClock } from './clock.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { loadConfig } from './config.ts';
import { CONFIG_MAPS, type ConfigMap, EVENTS, NAMESPACES, NODES } from './core.ts';
import { ApiError, ConnectionError, isConflict, isGone, isNotFound, isObjectGone } from './errors.ts';
import { EventRecorder } from './events.ts';
import { silentLogger } from './silent-logger.ts';
import type { KubeObject, Resource, WatchEvent } from './types.ts';

const NAMESPACE = 'kube-client';
let config: ClusterConfig;
let client: ReturnType<typeof createClient>;

const configMap = (name: string, data: Record<string, string>): ConfigMap => ({
  metadata: { name, namespace: NAMESPACE },
  data,
});
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
/** Connections that this process opens while `work` runs. */
const connectionsDuring = async (work: () => Promise<void>): Promise<number> => {
  let opened = 0;
  const count = (): void => void (opened += 1);
  subscribe('net.client.socket', count);
  await work();
  unsubscribe('net.client.socket', count);
  return opened;
};

beforeAll(async () => {
  config = await loadConfig({ env: {}, kubeconfig: sharedControlPlane().kubeconfig });
  client = createClient(config);
  await client.apply(NAMESPACES, { metadata: { name: NAMESPACE } }, { fieldManager: 'test' });
});
afterAll(() => client.close());

describe('the client against a real API server', () => {
  it('creates, reads, replaces, lists and deletes', async () => {
    const created = await client.create(CONFIG_MAPS, configMap('crud', { a: '1' }));
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    const replaced = await client.replace<ConfigMap>(CONFIG_MAPS, { ...created, data: { a: 'ü' } });
    expect(await client.get<ConfigMap>(CONFIG_MAPS, 'crud', NAMESPACE)).toEqual(replaced);
    expect(isConflict(await failure(client.replace(CONFIG_MAPS, created)))).toBe(true);
    expect(isConflict(await failure(client.create(CONFIG_MAPS, configMap('crud', {}))))).toBe(true);
    const { items } = await client.list<ConfigMap>(CONFIG_MAPS, {
      namespace: NAMESPACE,
      fieldSelector: 'metadata.name=crud',
    });
    expect(items).toEqual([replaced]);
    const other = { namespace: NAMESPACE, uid: '00000000-0000-0000-0000-000000000000' };
    expect(isConflict(await failure(client.delete(CONFIG_MAPS, 'crud', other)))).toBe(true);
    await client.delete(CONFIG_MAPS, 'crud', { namespace: NAMESPACE, uid: created.metadata.uid ?? '' });
    expect(isObjectGone(await failure(client.get(CONFIG_MAPS, 'crud', NAMESPACE)), 'crud')).toBe(true);
  });

  it('applies; a no-op changes nothing; a dry run neither', async () => {
    const mine = { fieldManager: 'one' };
    const first = await client.apply(CONFIG_MAPS, configMap('ssa', { a: '1', b: '2' }), mine);
    const again = await client.apply(CONFIG_MAPS, configMap('ssa', { a: '1', b: '2' }), mine);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const dry = await client.apply<ConfigMap>(CONFIG_MAPS, configMap('ssa', { a: 'x' }), {
      ...mine,
      dryRun: true,
    });
    expect(dry.data).toEqual({ a: 'x' });
    const pruned = await client.apply<ConfigMap>(CONFIG_MAPS, configMap('ssa', { a: '1' }), mine);
    expect(pruned.data).toEqual({ a: '1' });
  });

  it('tells a conflict of owners from a stale write, and force takes over', async () => {
    const first = await client.apply(CONFIG_MAPS, configMap('owned', { a: '1' }), { fieldManager: 'one' });
    const conflict = await failure(
      client.apply(CONFIG_MAPS, configMap('owned', { a: '2' }), { fieldManager: 'two' }),
    );
    expect(isConflict(conflict) && conflict.body?.details?.causes).toMatchObject([
      { reason: 'FieldManagerConflict', field: '.data.a' },
    ]);
    const forced = await client.apply<ConfigMap>(CONFIG_MAPS, configMap('owned', { a: '2' }), {
      fieldManager: 'two',
      force: true,
    });
    expect(forced.data).toEqual({ a: '2' });
    const stale = await failure(client.replace(CONFIG_MAPS, { ...first, data: { a: '3' } }));
    expect(isConflict(stale) && stale.body?.details?.causes).toBeUndefined();
  });

  it('takes a 404 for "gone" only when the server speaks of this very object', async () => {
    const missing = await failure(client.get(NODES, 'no-such-node'));
    expect(isObjectGone(missing, 'no-such-node')).toBe(true);
    expect(isObjectGone(missing, 'another')).toBe(false);
    const unknownKind: Resource = {
      group: 'nowhere.example',
      version: 'v1',
      plural: 'things',
      kind: 'Thing',
      namespaced: false,
    };
    const noKind = await failure(client.get(unknownKind, 'x'));
    expect(isNotFound(noKind)).toBe(true);
    expect(isObjectGone(noKind, 'x')).toBe(false);
    expect(isNotFound(await failure(client.list(unknownKind)))).toBe(true);
  });

  it('says what is invalid', async () => {
    const error = await failure(client.create(CONFIG_MAPS, configMap('Not_A_Name', {})));
    expect(error).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
    expect(String(error)).toContain('create ConfigMap kube-client/Not_A_Name: 422');
  });

  it('pages, compresses and strips to metadata', async () => {
    const pad = 'x'.repeat(50_000);
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        client.apply(CONFIG_MAPS, configMap(`page-${index}`, { pad }), { fieldManager: 't' }),
      ),
    );
    const options = { namespace: NAMESPACE, limit: 4 };
    const first = await client.list<ConfigMap>(CONFIG_MAPS, options);
    expect(first.items).toHaveLength(4);
    const second = await client.list<ConfigMap>(CONFIG_MAPS, { ...options, continue: first.continue ?? '' });
    expect(second.resourceVersion).toBe(first.resourceVersion);
    const names = [...first.items, ...second.items].map(({ metadata }) => metadata.name);
    expect(new Set(names).size).toBe(8);
    // Over 128 KiB the server compresses.
    const whole = await client.list<ConfigMap>(CONFIG_MAPS, { namespace: NAMESPACE });
    expect(whole.items.filter(({ data }) => data?.['pad'] === pad)).toHaveLength(10);
    const [bare] = (await client.list<ConfigMap>(CONFIG_MAPS, { ...options, metadataOnly: true })).items;
    expect(bare).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { namespace: NAMESPACE } });
    expect(bare?.data).toBeUndefined();
  });

  it('watches, with a clean end and quietly aborted', async () => {
    const { resourceVersion } = await client.list(CONFIG_MAPS, { namespace: NAMESPACE });
    const events: WatchEvent<KubeObject>[] = [];
    const stop = new AbortController();
    const options = { namespace: NAMESPACE, resourceVersion, signal: stop.signal, metadataOnly: true };
    const write = client
      .create(CONFIG_MAPS, configMap('watched', { text: 'ä'.repeat(1000) }))
      .then(() => client.delete(CONFIG_MAPS, 'watched', { namespace: NAMESPACE }));
    for await (const event of client.watch(CONFIG_MAPS, { ...options, timeoutSeconds: 1 }))
      events.push(event);
    await write;
    expect(events.filter(({ type }) => type !== 'BOOKMARK').map(({ type }) => type)).toEqual([
      'ADDED',
      'DELETED',
    ]);
    const aborted = (async () => {
      for await (const event of client.watch(CONFIG_MAPS, { ...options, timeoutSeconds: 60 }))
        if (event.type === 'DELETED') stop.abort();
      return 'ended';
    })();
    expect(await aborted).toBe('ended');
  });

  it('500 reads take no more connections than the pool has', async () => {
    const own = createClient(config, { connections: 4 });
    const opened = await connectionsDuring(async () => {
      await Promise.all(Array.from({ length: 500 }, () => own.get(NAMESPACES, 'default')));
      for (let index = 0; index < 20; index += 1) await own.get(NAMESPACES, 'default');
    });
    own.close();
    expect(opened).toBeGreaterThan(0);
    expect(opened).toBeLessThanOrEqual(4);
  });

  it('keeps the name and the certificate of the server honest', async () => {
    const withName = createClient({ ...config, tlsServerName: 'kubernetes.default.svc' });
    expect((await withName.get(NAMESPACES, 'default')).metadata.name).toBe('default');
    withName.close();
    const wrongName = createClient({ ...config, tlsServerName: 'example.org' });
    const error = await failure(wrongName.get(NAMESPACES, 'default'));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toContain('altnames');
    wrongName.close();
    const { token } = await config.credentials();
    const noCa = { ...config, credentials: () => Promise.resolve({ token }) };
    const strict = createClient(noCa);
    expect(await failure(strict.get(NAMESPACES, 'default'))).toBeInstanceOf(ConnectionError);
    strict.close();
    const careless = createClient({ ...noCa, insecureSkipTlsVerify: true });
    expect((await careless.get(NAMESPACES, 'default')).metadata.name).toBe('default');
    careless.close();
  });

  it('uses a new CA from the next request on, and lets old connections go', async () => {
    const right = await config.credentials();
    let current = { ...right, ca: right.ca };
    const own = createClient({ ...config, credentials: () => Promise.resolve(current) });
    await own.get(NAMESPACES, 'default');
    current = { ...right, ca: undefined };
    expect(await failure(own.get(NAMESPACES, 'default'))).toBeInstanceOf(ConnectionError);
    current = right as typeof current;
    expect((await own.get(NAMESPACES, 'default')).metadata.name).toBe('default');
    own.close();
  });

  it('a wrong token is a clear 401', async () => {
    const own = createClient({
      ...config,
      credentials: async () => ({ ...(await config.credentials()), token: 'wrong' }),
    });
    const error = await failure(own.get(NAMESPACES, 'default'));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 401 });
    expect(String(error)).not.toContain('wrong');
    own.close();
  });

  it('an Event is written, and counted on', async () => {
    let elapsed = 0;
    const clock = { ...systemClock, monotonic: () => elapsed };
    const warnings: object[] = [];
    const recorder = new EventRecorder({
      client,
      clock,
      log: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
      component: 'kube-test',
      instance: 'here',
      unique: 'cafe',
    });
    const namespace = await client.get(NAMESPACES, NAMESPACE);
    const about = { apiVersion: 'v1', kind: 'Namespace', name: NAMESPACE, uid: namespace.metadata.uid };
    const counts = async () =>
      (
        await client.list<KubeObject & { count: number }>(EVENTS, {
          namespace: 'default',
          fieldSelector: 'reason=Tried',
        })
      ).items.map(({ count }) => count);
    recorder.record(about, { type: 'Normal', reason: 'Tried', message: 'one' });
    await expect.poll(counts).toEqual([1]);
    elapsed = 61_000;
    recorder.record(about, { type: 'Normal', reason: 'Tried', message: 'one' });
    await expect.poll(counts).toEqual([2]);
    expect(warnings).toEqual([]);
    recorder.close();
  });

  it('never takes an ordinary failure for 410', async () => {
    expect(isGone(await failure(client.get(NODES, 'none')))).toBe(false);
  });
});
