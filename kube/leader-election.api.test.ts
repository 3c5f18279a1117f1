import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedControlPlane } from '../test/control-plane/inject.ts';
import { createClient } from './client.ts';
import { systemClock } from './clock.ts';
import { loadConfig } from './config.ts';
import { LEASES, type Lease, NAMESPACES } from './core.ts';
import { runWithLease } from './leader-election.ts';
import { silentLogger } from './silent-logger.ts';

const NAMESPACE = 'kube-election';
const clients: ReturnType<typeof createClient>[] = [];
const newClient = async () => {
  const client = createClient(await loadConfig({ env: {}, kubeconfig: sharedControlPlane().kubeconfig }));
  clients.push(client);
  return client;
};
beforeAll(async () => {
  const client = await newClient();
  await client.apply(NAMESPACES, { metadata: { name: NAMESPACE } }, { fieldManager: 'test' });
});
afterAll(() => {
  for (const client of clients) client.close();
});

describe('two candidates for one Lease of a real API server', () => {
  it('one leads; after its clean stop the other takes over within 5 s; who loses the lease is told', async () => {
    const leading: string[] = [];
    const run = async (identity: string) => {
      const stop = new AbortController();
      const client = await newClient();
      const ended = runWithLease({
        client,
        namespace: NAMESPACE,
        name: 'lease',
        identity,
        clock: systemClock,
        random: Math.random,
        log: silentLogger,
        signal: stop.signal,
        lead: async (signal) => {
          leading.push(identity);
          await new Promise<void>((resolve) =>
            signal.addEventListener('abort', () => resolve(), { once: true }),
          );
        },
      }).then(
        () => 'stopped',
        (error: unknown) => String(error),
      );
      return { stop, ended };
    };
    const candidates = { a: await run('a'), b: await run('b') };
    const admin = await newClient();
    const lease = () => admin.get<Lease>(LEASES, 'lease', NAMESPACE);

    await expect.poll(() => leading.length, { timeout: 5_000 }).toBe(1);
    const first = leading[0] === 'a' ? 'a' : 'b';
    const second = first === 'a' ? 'b' : 'a';
    const before = await lease();
    expect(before.spec).toMatchObject({
      holderIdentity: first,
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    });
    // It is renewed, and the other does not get it meanwhile.
    await expect
      .poll(async () => (await lease()).spec?.renewTime, { timeout: 5_000 })
      .not.toBe(before.spec?.renewTime);
    expect(leading).toEqual([first]);

    const began = performance.now();
    candidates[first].stop.abort();
    expect(await candidates[first].ended).toBe('stopped');
    await expect.poll(() => leading, { timeout: 6_000, interval: 20 }).toEqual([first, second]);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect((await lease()).spec).toMatchObject({ holderIdentity: second, leaseTransitions: 1 });

    // Somebody else takes it by force, as a process would after a long pause of this one.
    for (let done = false; !done;) {
      const current = await lease();
      const taken = { ...current, spec: { ...current.spec, holderIdentity: 'thief' } };
      done = await admin.replace<Lease>(LEASES, taken).then(
        () => true,
        () => false,
      );
    }
    expect(await candidates[second].ended).toBe('LeaseLostError: the lease is held by thief now');
    expect((await lease()).spec?.holderIdentity).toBe('thief');
  });

  it('a release leaves an empty holder behind', async () => {
    const client = await newClient();
    const stop = new AbortController();
    await runWithLease({
      client,
      namespace: NAMESPACE,
      name: 'released',
      identity: 'a',
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      signal: stop.signal,
      lead: () => {
        stop.abort();
        return Promise.resolve();
      },
    });
    const { spec } = await client.get<Lease>(LEASES, 'released', NAMESPACE);
    expect(spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  });
});
