import { describe, expect, it } from 'vitest';
import { ModelCluster, type Fault } from '../testing/model-cluster.ts';
import { confirmGone } from './confirm-gone.ts';

const cluster = (...profiles: string[]): ModelCluster => {
  const model = new ModelCluster('worker-1');
  for (const name of profiles) model.profiles.set(name, `uid-${name}`);
  return model;
};

describe('a profile is confirmed gone', () => {
  it('by the NotFound of its own name while the kind is well', async () => {
    const { gone, doubt } = await confirmGone(cluster('milan').client(), ['rome', 'milan']);
    expect(gone).toEqual(new Set(['rome']));
    expect(doubt).toBe('milan exists');
  });
  it('never while the kind is being deleted, or is missing', async () => {
    for (const definition of ['being deleted', 'missing'] as const) {
      const model = cluster();
      model.definition = definition;
      const { gone, doubt } = await confirmGone(model.client(), ['rome']);
      expect(gone).toEqual(new Set());
      expect(doubt).toBeDefined();
    }
  });
  it.each<Fault>(['refused', 'unavailable', 'forbidden', 'no such path'])(
    'never after the answer "%s", at whichever request it comes',
    async (fault) => {
      for (const at of [0, 1, 2]) {
        const model = cluster();
        let request = 0;
        model.fault = () => (request++ === at ? fault : undefined);
        const { gone, error } = await confirmGone(model.client(), ['rome', 'milan']);
        expect(gone).toEqual(new Set());
        expect(error).toBeInstanceOf(Error);
      }
    },
  );
  it('asks nothing more once an answer is not about the profile', async () => {
    const model = cluster();
    let requests = 0;
    model.fault = () => ((requests += 1), 'no such path');
    await confirmGone(model.client(), ['a', 'b', 'c', 'd']);
    expect(requests).toBe(1);
  });
});
