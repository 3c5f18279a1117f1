import { describe, expect, it } from 'vitest';
import { nodeCpuStatus } from '../../crds/node-cpu.ts';
import { decide } from './decide.ts';
import { sameStatus } from './status.ts';
import {
  agentLabels,
  condition,
  failed,
  good,
  input,
  minutesLater,
  no,
  nodeWith,
  NOW,
  PROVENANCE,
  SNAPSHOT,
  statusAfter,
  unknown,
  verdict,
  yes,
} from './testing.ts';

const labelled = nodeWith(agentLabels('rome'));

describe('a good probe', () => {
  it('gives a status that the schema takes', () => {
    const { status } = decide(input({ assessments: [yes('rome'), no('milan'), unknown('naples')] }));
    expect(nodeCpuStatus.safeParse(status).error).toBeUndefined();
    expect(status).toMatchObject({
      snapshot: SNAPSHOT,
      observedAt: '2026-03-01T12:00:00Z',
      provenance: PROVENANCE,
    });
  });
  it('shows as Probed and Labelled', () => {
    const decision = decide(input());
    expect(condition(decision, 'Probed')).toMatchObject({ status: 'True', reason: 'Probed' });
    expect(condition(decision, 'Labelled')).toMatchObject({ status: 'True', reason: 'Labelled' });
    expect(decision.status.conditions).toHaveLength(2);
  });
  it('sorts the verdicts by name and explains only what is not Yes', () => {
    const { status } = decide(input({ assessments: [yes('rome'), no('Milan'), unknown('naples'), no('a')] }));
    expect(status.verdicts?.map(({ profile, message }) => [profile, message])).toEqual([
      ['Milan', 'AVX512F is missing'],
      ['a', 'AVX512F is missing'],
      ['naples', 'the feature MSRs were not observed'],
      ['rome', undefined],
    ]);
  });
  it('cuts a message at 200 bytes, between characters', () => {
    const message = verdict(
      decide(input({ assessments: [no('rome', `x${'ä'.repeat(150)}`)] })),
      'rome',
    )?.message;
    expect(message).toBe(`x${'ä'.repeat(98)}…`);
    expect(Buffer.byteLength(message ?? '')).toBeLessThanOrEqual(200);
  });
  it('keeps `since` while `compatible` stays, whatever else changes', () => {
    const previous = statusAfter();
    const later = { previous, now: minutesLater(30) };
    const same = decide(input({ ...later, assessments: [{ ...yes('rome'), digest: 'cccccccccccccccc' }] }));
    expect(verdict(same, 'rome')).toMatchObject({
      since: '2026-03-01T12:00:00Z',
      digest: 'cccccccccccccccc',
    });
    const changed = decide(input({ ...later, assessments: [no('rome')] }));
    expect(verdict(changed, 'rome')?.since).toBe('2026-03-01T12:30:00Z');
  });
  it('drops the verdict of a profile that is not listed and has no label', () => {
    const decision = decide(
      input({ previous: statusAfter(), assessments: [], node: nodeWith(agentLabels()) }),
    );
    expect(decision.status.verdicts).toEqual([]);
  });
  it('shows at most 512 verdicts, the held ones among them, and labels follow all', () => {
    const assessments = [...Array(600).keys()].map((i) => yes(`p${String(i).padStart(4, '0')}`));
    assessments[599] = no('p0599');
    const decision = decide(input({ assessments, node: nodeWith(agentLabels('p0599')) }));
    expect(decision.status.verdicts).toHaveLength(512);
    expect(verdict(decision, 'p0599')?.held).toBe(true);
    expect(verdict(decision, 'p0510')).toBeDefined();
    expect(verdict(decision, 'p0511')).toBeUndefined();
    expect(condition(decision, 'VerdictsTruncated')).toMatchObject({
      status: 'True',
      reason: 'TooManyProfiles',
    });
    expect(Object.keys(decision.labels.write ?? {})).toHaveLength(600 + 2);
    expect(nodeCpuStatus.safeParse(decision.status).error).toBeUndefined();
  });
});

describe('a held label', () => {
  const previous = statusAfter({ node: labelled });
  it.each([
    ['No', no('rome')],
    ['Unknown', unknown('rome')],
    [
      'not accepted',
      { ...unknown('rome'), digest: '', reason: 'InvalidData', message: 'mask and value overlap' },
    ],
  ])('shows as held when the verdict is %s', (_, assessment) => {
    const decision = decide(input({ node: labelled, previous, assessments: [assessment] }));
    expect(verdict(decision, 'rome')?.held).toBe(true);
    expect(condition(decision, 'Labelled')).toMatchObject({ status: 'False', reason: 'Held' });
    expect(condition(decision, 'Labelled')?.message).toContain('rome');
    expect(decision.held).toEqual(['rome']);
  });
  it('gives one Warning when it becomes held, and none while it is', () => {
    const changes = { node: labelled, assessments: [no('rome')] };
    const first = decide(input({ ...changes, previous }));
    expect(first.statusEvents).toEqual([expect.objectContaining({ type: 'Warning', reason: 'Held' })]);
    expect(first.statusEvents[0]?.message).toContain('rome');
    const second = decide(input({ ...changes, previous: first.status, now: minutesLater(10) }));
    expect(second.statusEvents).toEqual([]);
    expect(second.held).toEqual(['rome']);
  });
  it('is no longer held when the verdict is Yes again', () => {
    const held = decide(input({ node: labelled, previous, assessments: [no('rome')] })).status;
    const decision = decide(input({ node: labelled, previous: held }));
    expect(verdict(decision, 'rome')).not.toHaveProperty('held');
    expect(condition(decision, 'Labelled')?.status).toBe('True');
  });
  it('is no longer held when somebody removes it', () => {
    const held = decide(input({ node: labelled, previous, assessments: [no('rome')] })).status;
    const decision = decide(
      input({ node: nodeWith(agentLabels()), previous: held, assessments: [no('rome')] }),
    );
    expect(verdict(decision, 'rome')).not.toHaveProperty('held');
    expect(decision.labels.write).toBeUndefined();
  });
  it('stays held through a failed probe', () => {
    const held = decide(input({ node: labelled, previous, assessments: [no('rome')] })).status;
    const decision = decide(
      input({ node: labelled, previous: held, probe: failed(), assessments: undefined }),
    );
    expect(verdict(decision, 'rome')?.held).toBe(true);
    expect(condition(decision, 'Labelled')?.reason).toBe('Held');
    expect(decision.statusEvents.map(({ reason }) => reason)).toEqual(['DeviceMissing']);
  });
});

describe('a failed probe', () => {
  const previous = statusAfter({ node: labelled });
  const decision = decide(
    input({
      node: labelled,
      previous,
      probe: failed('DeviceBlocked', 'EPERM'),
      assessments: undefined,
      now: minutesLater(90),
    }),
  );
  it('shows as Probed=False with its reason, and Labelled is Unknown', () => {
    expect(condition(decision, 'Probed')).toEqual({
      type: 'Probed',
      status: 'False',
      reason: 'DeviceBlocked',
      message: 'EPERM',
      lastTransitionTime: '2026-03-01T13:30:00Z',
    });
    expect(condition(decision, 'Labelled')).toMatchObject({ status: 'Unknown', reason: 'NotProbed' });
  });
  it('leaves snapshot, provenance, verdicts, history and observedAt as they were', () => {
    expect({ ...decision.status, conditions: [] }).toEqual({ ...previous, conditions: [] });
  });
  it('writes no label', () => expect(decision.labels.write).toBeUndefined());
  it('gives one Warning for each reason, and one Event when it is over', () => {
    expect(decision.statusEvents).toEqual([{ type: 'Warning', reason: 'DeviceBlocked', message: 'EPERM' }]);
    const again = { node: labelled, previous: decision.status, assessments: undefined };
    expect(decide(input({ ...again, probe: failed('DeviceBlocked', 'EPERM') })).statusEvents).toEqual([]);
    expect(decide(input({ ...again, probe: failed('CpusDiffer', 'x') })).statusEvents).toHaveLength(1);
    expect(decide(input({ ...again, assessments: [yes('rome')] })).statusEvents).toMatchObject([
      { reason: 'Probed' },
    ]);
  });
  it('on a new node gives a status of conditions only', () => {
    const { status } = decide(input({ probe: failed(), assessments: undefined }));
    expect(Object.keys(status).sort()).toEqual(['conditions', 'verdicts']);
    expect(nodeCpuStatus.safeParse(status).error).toBeUndefined();
  });
});

describe('profiles that are not listed', () => {
  const previous = statusAfter({ node: labelled });
  it('leave the verdicts as they were while there is no list', () => {
    const decision = decide(input({ node: labelled, previous, assessments: undefined }));
    expect(decision.status.verdicts).toEqual(previous.verdicts);
    expect(condition(decision, 'Labelled')).toMatchObject({ status: 'Unknown', reason: 'ProfilesNotListed' });
  });
  it('keep label and verdict until they are confirmed gone', () => {
    const decision = decide(input({ node: labelled, previous, assessments: [] }));
    expect(decision.labels.write).toBeUndefined();
    expect(decision.status.verdicts).toEqual(previous.verdicts);
    expect(condition(decision, 'Labelled')).toMatchObject({
      status: 'Unknown',
      reason: 'ProfilesUnconfirmed',
    });
    expect(condition(decision, 'Labelled')?.message).toContain('rome');
  });
  it('lose label and verdict once they are, with an Event', () => {
    const decision = decide(input({ node: labelled, previous, assessments: [], gone: new Set(['rome']) }));
    expect(decision.labels.write).toEqual(agentLabels());
    expect(decision.status.verdicts).toEqual([]);
    expect(decision.labelEvents).toMatchObject([{ type: 'Normal', reason: 'LabelRemoved' }]);
  });
  it('are named when somebody else set their label', () => {
    const node = nodeWith(agentLabels('rome'), Object.keys(agentLabels('rome')).slice(2));
    const decision = decide(input({ node, assessments: [], gone: new Set(['rome']) }));
    expect(condition(decision, 'Labelled')?.message).toContain('do not exist: rome');
  });
});

describe('a quiet hour', () => {
  const previous = statusAfter({ node: labelled });
  const round = (minutes: number, changes: Parameters<typeof input>[0] = {}) =>
    decide(
      input({
        node: labelled,
        previous,
        now: minutesLater(minutes),
        probe: good({ at: minutesLater(minutes) }),
        ...changes,
      }),
    ).status;
  it('writes nothing when nothing has changed', () => expect(sameStatus(round(59), previous)).toBe(true));
  it('ends with a new observedAt and nothing else', () => {
    expect(round(60)).toEqual({ ...previous, observedAt: '2026-03-01T13:00:00Z' });
  });
  it('moves observedAt along with any other change', () => {
    const status = round(10, { assessments: [yes('rome'), no('milan')] });
    expect(status.observedAt).toBe('2026-03-01T12:10:00Z');
  });
  it('is not disturbed by the conditions of others or by their order', () => {
    const conditions = [
      {
        type: 'Other',
        status: 'True',
        reason: 'X',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      } as const,
      ...(previous.conditions ?? []).toReversed(),
    ];
    expect(
      sameStatus(round(10, { previous: { ...previous, conditions } }), { ...previous, conditions }),
    ).toBe(true);
  });
  it('keeps lastTransitionTime while a status stays and moves it when it changes', () => {
    const held = round(10, { assessments: [no('rome')] });
    const times = Object.fromEntries((held.conditions ?? []).map((c) => [c.type, c.lastTransitionTime]));
    expect(times).toEqual({ Probed: '2026-03-01T12:00:00Z', Labelled: '2026-03-01T12:10:00Z' });
  });
});

describe('history', () => {
  it('begins with the first probe and stays while nothing changes', () => {
    const first = statusAfter();
    const { microcode, firmware, kernel } = PROVENANCE;
    expect(first.history).toEqual([
      { at: '2026-03-01T12:00:00Z', snapshot: SNAPSHOT, kernel, microcode, firmware },
    ]);
    expect(statusAfter({ previous: first, now: minutesLater(5) }).history).toEqual(first.history);
  });
  it.each([
    ['snapshot', good({ snapshot: 'amd-fedcba9876543210' })],
    ['kernel', good({ provenance: { ...PROVENANCE, kernel: '6.13.0' } })],
    ['microcode', good({ provenance: { ...PROVENANCE, microcode: '0xa0011d2' } })],
    ['firmware', good({ provenance: { ...PROVENANCE, firmware: 'Acme 1.3' } })],
  ])('has a new first entry when the %s changes', (_, probe) => {
    const first = statusAfter();
    const { history } = statusAfter({ previous: first, probe, now: minutesLater(5) });
    expect(history).toHaveLength(2);
    expect(history?.[0]?.at).toBe('2026-03-01T12:05:00Z');
    expect(history?.[1]).toEqual(first.history?.[0]);
  });
  it('does not grow with a boot alone', () => {
    const probe = good({ provenance: { ...PROVENANCE, bootId: 'b2' } });
    expect(statusAfter({ previous: statusAfter(), probe }).history).toHaveLength(1);
  });
  it('holds the last five, newest first', () => {
    let previous = statusAfter();
    for (let i = 1; i <= 7; i += 1) {
      previous = statusAfter({ previous, probe: good({ provenance: { ...PROVENANCE, kernel: `6.${i}` } }) });
    }
    expect(previous.history?.map(({ kernel }) => kernel)).toEqual(['6.7', '6.6', '6.5', '6.4', '6.3']);
  });
});

describe('a snapshot', () => {
  it('that changed gives an Event', () => {
    const probe = good({ snapshot: 'amd-fedcba9876543210' });
    const { statusEvents } = decide(input({ previous: statusAfter(), probe }));
    expect(statusEvents).toMatchObject([{ type: 'Warning', reason: 'SnapshotChanged' }]);
  });
  it('with other content under its name is a condition and one Event, and the own probe is trusted', () => {
    const first = decide(input({ snapshotConflict: 'CpuSnapshot x holds other content' }));
    expect(condition(first, 'SnapshotConflict')).toMatchObject({ status: 'True', reason: 'ContentDiffers' });
    expect(first.labels.added).toEqual(['rome']);
    expect(first.statusEvents).toMatchObject([{ type: 'Warning', reason: 'SnapshotConflict' }]);
    const again = decide(
      input({ snapshotConflict: 'CpuSnapshot x holds other content', previous: first.status }),
    );
    expect(again.statusEvents).toEqual([]);
    expect(condition(decide(input({ previous: first.status })), 'SnapshotConflict')).toBeUndefined();
  });
});

it('does not change what it is given', () => {
  const given = input({
    node: labelled,
    previous: statusAfter(),
    assessments: [no('rome'), yes('a')],
    now: NOW,
  });
  const before = structuredClone(given);
  decide(given);
  expect(given).toEqual(before);
});
