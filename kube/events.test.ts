import { describe, expect, it } from 'vitest';
import { EventRecorder } from './events.ts';
import { FakeClock } from './fake-clock.ts';
import { silentLogger } from './silent-logger.ts';
import type { ApiClient, KubeObject } from './types.ts';

interface Written extends KubeObject {
  count: number;
  message: string;
  firstTimestamp: string;
  lastTimestamp: string;
}
const setup = (fail = false) => {
  const clock = new FakeClock();
  const written: Written[] = [];
  const warnings: string[] = [];
  const apply = ((_: unknown, object: KubeObject) => {
    written.push(structuredClone(object) as Written);
    return fail ? Promise.reject(new Error('forbidden')) : Promise.resolve(object);
  }) as ApiClient['apply'];
  const recorder = new EventRecorder({
    client: { apply },
    clock,
    log: { ...silentLogger, warn: (_, message) => void warnings.push(message) },
    component: 'agent',
    instance: 'node-1',
    unique: 'abcd',
  });
  return { clock, written, warnings, recorder };
};
const node = { apiVersion: 'v1', kind: 'Node', name: 'worker.1', uid: 'u' };
const note = (message: string, reason = 'Probed') => ({ type: 'Normal' as const, reason, message });

describe('EventRecorder', () => {
  it('writes an event about the object, in its namespace or in default', async () => {
    const { clock, written, recorder } = setup();
    recorder.record(node, note('hello'));
    recorder.record({ apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: 'n' }, note('hi'));
    await clock.advance(0);
    expect(written[0]).toEqual({
      metadata: { name: 'worker.1.abcd000001', namespace: 'default' },
      involvedObject: node,
      type: 'Normal',
      reason: 'Probed',
      message: 'hello',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'agent', host: 'node-1' },
      reportingComponent: 'agent',
      reportingInstance: 'node-1',
    });
    expect(written[1]?.metadata).toEqual({ name: 'p.abcd000002', namespace: 'n' });
  });

  it('counts repeats and writes them at most once a minute', async () => {
    const { clock, written, recorder } = setup();
    for (let second = 0; second < 130; second += 1) {
      recorder.record(node, note('again'));
      await clock.advance(1_000);
    }
    expect(written.map(({ count, lastTimestamp }) => [count, lastTimestamp])).toEqual([
      [1, '2026-01-01T00:00:00Z'],
      [60, '2026-01-01T00:00:59Z'],
      [120, '2026-01-01T00:01:59Z'],
    ]);
    expect(new Set(written.map(({ metadata }) => metadata.name)).size).toBe(1);
  });

  it('combines messages that keep changing', async () => {
    const { clock, written, recorder } = setup();
    for (let index = 0; index < 500; index += 1) recorder.record(node, note(`value ${index}`));
    await clock.advance(59_000);
    expect(written).toHaveLength(11);
    await clock.advance(2_000);
    expect(written).toHaveLength(12);
    expect(written[11]).toMatchObject({ count: 490, message: '(similar events combined) value 499' });
  });

  it('cannot flood, whatever it is given', async () => {
    const { clock, written, recorder } = setup();
    for (let index = 0; index < 20_000; index += 1)
      recorder.record({ ...node, name: `n${index}` }, note('x'));
    await clock.advance(10_000);
    expect(written.length).toBeLessThanOrEqual(50 + 21);
    expect(clock.sleeping).toBeLessThanOrEqual(200);
  });

  it('only logs what it cannot write', async () => {
    const { clock, warnings, recorder } = setup(true);
    recorder.record(node, note('x'));
    await clock.advance(0);
    expect(warnings).toEqual(['an event could not be written']);
  });

  it('writes nothing after close', async () => {
    const { clock, written, recorder } = setup();
    recorder.record(node, note('x'));
    await clock.advance(0);
    recorder.record(node, note('x'));
    recorder.close();
    recorder.record(node, note('y'));
    await clock.advance(100_000);
    expect(written).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });
});
