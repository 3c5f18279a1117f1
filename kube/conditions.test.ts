import { describe, expect, it } from 'vitest';
import { findCondition, rfc3339, withCondition } from './conditions.ts';

const first = new Date('2026-01-01T00:00:00.750Z');
const later = new Date('2026-01-01T01:00:00.000Z');
const ready = { type: 'Ready', status: 'True', reason: 'Fine', message: '' } as const;

describe('withCondition', () => {
  it('adds a condition with the time', () => {
    expect(withCondition(undefined, ready, first)).toEqual([
      { ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]);
  });

  it('keeps the time while the status stays, and its place in the list', () => {
    const before = withCondition(withCondition([], ready, first), { ...ready, type: 'Other' }, first);
    const after = withCondition(before, { ...ready, reason: 'Better' }, later);
    expect(after.map(({ type, reason, lastTransitionTime }) => [type, reason, lastTransitionTime])).toEqual([
      ['Ready', 'Better', '2026-01-01T00:00:00Z'],
      ['Other', 'Fine', '2026-01-01T00:00:00Z'],
    ]);
    expect(withCondition(before, ready, later)).toEqual(before);
  });

  it('takes the new time when the status changes, and leaves its argument alone', () => {
    const before = withCondition([], ready, first);
    const after = withCondition(before, { ...ready, status: 'False' }, later);
    expect(findCondition(after, 'Ready')?.lastTransitionTime).toBe('2026-01-01T01:00:00Z');
    expect(before[0]?.status).toBe('True');
    expect(findCondition(after, 'None')).toBeUndefined();
  });
});

describe('rfc3339', () => {
  it('has whole seconds', () => {
    expect(rfc3339(first)).toBe('2026-01-01T00:00:00Z');
  });
});
