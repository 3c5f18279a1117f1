import { describe, expect, it } from 'vitest';
import { profileLabel, SNAPSHOT_LABEL, VENDOR_LABEL } from '../../crds/kinds.ts';
import { decideLabels } from './labels.ts';
import { agentLabels, failed, good, input, no, nodeWith, unknown, yes } from './testing.ts';

const ROME = profileLabel('rome');

describe('a positive label', () => {
  it('appears with a good probe and the verdict Yes, beside snapshot and vendor', () => {
    const { write, added } = decideLabels(input());
    expect(write).toEqual({
      [ROME]: 'true',
      [SNAPSHOT_LABEL]: 'amd-0123456789abcdef',
      [VENDOR_LABEL]: 'amd',
    });
    expect(added).toEqual(['rome']);
  });
  it.each([
    ['No', no('rome')],
    ['Unknown', unknown('rome')],
  ])('does not appear on %s', (_, assessment) => {
    const { write, added } = decideLabels(input({ assessments: [assessment] }));
    expect(write).not.toHaveProperty([ROME]);
    expect(added).toEqual([]);
  });
  it('does not appear while the profiles have not been listed, and snapshot and vendor still do', () => {
    const { write } = decideLabels(input({ assessments: undefined }));
    expect(Object.keys(write ?? {}).sort()).toEqual([SNAPSHOT_LABEL, VENDOR_LABEL]);
  });
  it('comes back with a good probe and a Yes after somebody has removed it', () => {
    const { write, added } = decideLabels(input({ node: nodeWith(agentLabels()) }));
    expect(write).toHaveProperty([ROME], 'true');
    expect(added).toEqual(['rome']);
  });
  it('comes back after somebody has set it to another value', () => {
    const node = nodeWith({ ...agentLabels(), [ROME]: 'false' }, [ROME]);
    expect(decideLabels(input({ node })).write).toHaveProperty([ROME], 'true');
  });
  it('is not made out of a label with another value when the verdict is No', () => {
    const node = nodeWith({ ...agentLabels(), [ROME]: 'false' }, [ROME]);
    expect(decideLabels(input({ node, assessments: [no('rome')] })).write).toBeUndefined();
  });
});

describe('a label that is there', () => {
  const node = nodeWith(agentLabels('rome'));
  it.each([
    ['the verdict is No', { assessments: [no('rome')] }],
    ['the verdict is Unknown', { assessments: [unknown('rome')] }],
    ['the profiles have not been listed', { assessments: undefined }],
    ['the list is empty and nothing is confirmed', { assessments: [] }],
    ['the probe fails', { probe: failed(), assessments: undefined }],
    [
      'the profile is said to be gone while it is listed',
      { assessments: [no('rome')], gone: new Set(['rome']) },
    ],
    [
      'the profile is said to be gone and nothing is listed',
      { assessments: undefined, gone: new Set(['rome']) },
    ],
    [
      'the probe fails and the profile is gone',
      { probe: failed(), assessments: undefined, gone: new Set(['rome']) },
    ],
  ])('stays, without a write, when %s', (_, changes) => {
    expect(decideLabels(input({ node, ...changes }))).toEqual({
      write: undefined,
      added: [],
      removed: [],
      foreign: [],
    });
  });
  it('stays through a write that another label needs', () => {
    const { write, added, removed } = decideLabels(input({ node, assessments: [no('rome'), yes('milan')] }));
    expect(write).toMatchObject({ [ROME]: 'true', [profileLabel('milan')]: 'true' });
    expect({ added, removed }).toEqual({ added: ['milan'], removed: [] });
  });
  it('goes when its profile is not listed and confirmed gone, and the others stay', () => {
    const changes = {
      node: nodeWith(agentLabels('rome', 'milan')),
      assessments: [no('milan')],
      gone: new Set(['rome']),
    };
    const { write, removed } = decideLabels(input(changes));
    expect(write).toEqual(agentLabels('milan'));
    expect(removed).toEqual(['rome']);
  });
  it('is left alone when only somebody else owns it and its profile is gone', () => {
    const changes = { node: nodeWith(agentLabels('rome'), [ROME]), assessments: [], gone: new Set(['rome']) };
    expect(decideLabels(input(changes))).toEqual({
      write: undefined,
      added: [],
      removed: [],
      foreign: ['rome'],
    });
  });
  it('becomes ours when the verdict is Yes and only somebody else owns it', () => {
    const changes = { node: nodeWith(agentLabels('rome'), [ROME]) };
    const { write, added } = decideLabels(input(changes));
    expect(write).toEqual(agentLabels('rome'));
    expect(added).toEqual([]);
  });
});

describe('a write', () => {
  it('does not happen when the Node says already what it should', () => {
    expect(decideLabels(input({ node: nodeWith(agentLabels('rome')) })).write).toBeUndefined();
  });
  it('does not happen either when ownership was not read', () => {
    const node = { ...nodeWith(agentLabels('rome')), owned: undefined };
    expect(decideLabels(input({ node })).write).toBeUndefined();
  });
  it('follows a new snapshot', () => {
    const changes = {
      node: nodeWith(agentLabels('rome')),
      probe: good({ snapshot: 'amd-fedcba9876543210' }),
    };
    const { write, added } = decideLabels(input(changes));
    expect(write).toEqual({ ...agentLabels('rome'), [SNAPSHOT_LABEL]: 'amd-fedcba9876543210' });
    expect(added).toEqual([]);
  });
  it('holds no label but ours', () => {
    const { write } = decideLabels(input());
    expect(Object.keys(write ?? {})).not.toContain('kubernetes.io/hostname');
  });
  it('keeps what our manager owns without knowing it, from another version of the agent', () => {
    const node = nodeWith({ 'cpuprofiles.dev/later': 'x' });
    expect(decideLabels(input({ node })).write).toHaveProperty(['cpuprofiles.dev/later'], 'x');
  });
});
