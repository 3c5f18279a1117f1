import { describe, expect, it } from 'vitest';
import { profileLabel, SNAPSHOT_LABEL } from '../../crds/kinds.ts';
import { managedFields } from '../decide/testing.ts';
import { nodeSignature, ownedLabels } from './node.ts';

describe('owned labels', () => {
  const key = profileLabel('rome');
  it('are those of our own apply', () => {
    expect(ownedLabels(managedFields([key, SNAPSHOT_LABEL]))).toEqual(new Set([key, SNAPSHOT_LABEL]));
  });
  it('are none of another manager, operation or subresource', () => {
    const [, ours] = managedFields([key]);
    const others = [{ manager: 'kubectl-label' }, { operation: 'Update' }, { subresource: 'status' }];
    expect(ownedLabels(others.map((change) => ({ ...(ours as object), ...change })))).toEqual(new Set());
  });
  it('leave out the map itself', () => {
    const [, ours] = managedFields([]);
    const map = { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } };
    expect(ownedLabels([{ ...(ours as object), fieldsV1: map }])).toEqual(new Set(['a']));
  });
  it('are unknown when nothing was said, and none when it makes no sense', () => {
    expect(ownedLabels(undefined)).toBeUndefined();
    expect(ownedLabels([null, 3, {}, { manager: 'cpu-profile-agent', operation: 'Apply' }])).toEqual(
      new Set(),
    );
  });
});

describe('what the agent reacts to on its Node', () => {
  const node = (labels: Record<string, string>, uid = '1', annotations = {}) =>
    nodeSignature({ metadata: { name: 'a', uid, labels, annotations } });
  it('is its identity and our labels, in any order', () => {
    expect(node({ [SNAPSHOT_LABEL]: 'x', [profileLabel('a')]: 'true' })).toBe(
      node({ [profileLabel('a')]: 'true', [SNAPSHOT_LABEL]: 'x', 'example.com/other': 'y' }, '1', { a: 'b' }),
    );
    expect(node({})).not.toBe(node({}, '2'));
    expect(node({ [profileLabel('a')]: 'true' })).not.toBe(node({ [profileLabel('a')]: 'false' }));
  });
});
