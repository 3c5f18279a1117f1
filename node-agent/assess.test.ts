import { describe, expect, it } from 'vitest';
import { FakeClock } from '../kube/fake-clock.ts';
import { systemClock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import { assess, Assessor } from './assess.ts';
import type { ProfileView } from './provided.ts';
import { snapshotWithMsr } from './testing/snapshots.ts';

const host = snapshotWithMsr(0x10);

describe('an assessment', () => {
  it('of another vendor is No, with the finding as its reason', () => {
    expect(assess('skylake', { vendor: 'intel', catalog: 'skylake' }, host)).toMatchObject({
      profile: 'skylake',
      compatible: 'No',
      reason: 'VendorMismatch',
      findings: 1,
      digest: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    });
  });
  it('of a profile that is not accepted is Unknown, with the reason of the refusal', () => {
    const entry = { leaf: '0x7', subleaf: '0x0', register: 'ebx', mask: '0x1', value: '0x1' } as const;
    expect(assess('bad', { vendor: 'amd', data: { cpuid: [entry] } }, host)).toMatchObject({
      compatible: 'Unknown',
      reason: 'InvalidData',
      digest: '',
      message: expect.stringContaining('overlap') as string,
    });
    expect(assess('none', { vendor: 'intel', catalog: 'no-such' }, host)).toMatchObject({
      compatible: 'Unknown',
      reason: 'UnknownCatalogEntry',
    });
  });
});

describe('the assessor', () => {
  const view = (name: string, changes: Partial<ProfileView> = {}): ProfileView => ({
    name,
    uid: 'u1',
    generation: 1,
    spec: JSON.stringify({ vendor: 'intel', catalog: 'skylake' }),
    ...changes,
  });
  /** Each computed assessment takes one breath on the clock. */
  const counting = () => {
    let computed = 0;
    const assessor = new Assessor({
      clock: { delay: (ms) => ((computed += 1), systemClock.delay(ms)) },
      log: silentLogger,
    });
    return { assessor, computed: () => computed };
  };

  it('computes each pair of snapshot and profile once', async () => {
    const { assessor, computed } = counting();
    await assessor.assessAll([view('a'), view('b')], 's1', host);
    await assessor.assessAll([view('a'), view('b')], 's1', host);
    expect(computed()).toBe(2);
    await assessor.assessAll([view('a'), view('b'), view('c')], 's1', host);
    expect(computed()).toBe(3);
    await assessor.assessAll([view('a', { uid: 'u2' }), view('b', { generation: 2 })], 's1', host);
    expect(computed()).toBe(5);
    await assessor.assessAll([view('a', { uid: 'u2' })], 's2', host);
    expect(computed()).toBe(6);
  });
  it('forgets profiles that are gone', async () => {
    const { assessor } = counting();
    await assessor.assessAll([view('a'), view('b')], 's1', host);
    const left = await assessor.assessAll([view('b')], 's1', host);
    expect(left.map(({ profile }) => profile)).toEqual(['b']);
  });
  it('turns a defect into an Unknown for that profile alone', async () => {
    const logged: string[] = [];
    const log: Logger = { ...silentLogger, error: (_, message) => logged.push(message) };
    const assessor = new Assessor({ clock: systemClock, log });
    const all = await assessor.assessAll([view('bad', { spec: 'null' }), view('good')], 's1', host);
    expect(all.map(({ compatible, reason }) => [compatible, reason])).toEqual([
      ['Unknown', 'InternalError'],
      ['No', 'VendorMismatch'],
    ]);
    expect(logged).toHaveLength(1);
  });
  it('lets others have the thread between two profiles', async () => {
    const clock = new FakeClock();
    const assessor = new Assessor({ clock, log: silentLogger });
    const done = assessor.assessAll([view('a'), view('b')], 's1', host);
    expect(clock.sleeping).toBe(1);
    await clock.advance(0);
    expect(await done).toHaveLength(2);
  });
});
