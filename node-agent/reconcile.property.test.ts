/**
 * Random histories of one node: probes that succeed, change or fail, profiles that come, go and come again, lists that
 * are late, empty or absent, people who edit labels, a kind that is deleted, agents that restart, and an API server that
 * fails anywhere. No label may ever go but that of a profile that is gone, and none come without a Yes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROFILE_LABEL_PREFIX, profileLabel } from '../crds/kinds.ts';
import { systemClock } from '../kube/clock.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import { snapshotName } from '../profiles/model/snapshot.ts';
import type { Assessment } from './decide/input.ts';
import { failed, good, no, unknown, yes } from './decide/testing.ts';
import type { Observation } from './observer.ts';
import type { ProfileView } from './provided.ts';
import { Reconciler } from './reconcile.ts';
import { ModelCluster, type Fault } from './testing/model-cluster.ts';
import { snapshotWithMsr } from './testing/snapshots.ts';

const NAMES = ['rome', 'milan', 'genoa'] as const;
const CONTENTS = 3;

type Step =
  | { do: 'probe'; machine: number }
  | { do: 'probe fails' | 'list' | 'list shows nothing' | 'restart' | 'round' }
  | { do: 'profile comes'; name: string; content: number }
  | { do: 'profile goes'; name: string }
  | { do: 'label by hand'; name: string; value: string | undefined }
  | { do: 'kind'; definition: 'well' | 'being deleted' | 'missing' }
  | { do: 'round with faults'; faults: Fault[] };

const name = fc.constantFrom(...NAMES);
const fault = fc.constantFrom<Fault>(
  undefined,
  undefined,
  'refused',
  'lost answer',
  'unavailable',
  'forbidden',
  'no such path',
);
const does = <Do extends string>(what: Do) => ({ do: fc.constant(what) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ ...does('probe'), machine: fc.nat(CONTENTS - 1) }) },
  { weight: 1, arbitrary: fc.record(does('probe fails')) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('list', 'round') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('list shows nothing', 'restart') }) },
  { weight: 6, arbitrary: fc.record({ ...does('profile comes'), name, content: fc.nat(CONTENTS - 1) }) },
  { weight: 3, arbitrary: fc.record({ ...does('profile goes'), name }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...does('label by hand'),
      name,
      value: fc.constantFrom('true', 'false', undefined),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ ...does('kind'), definition: fc.constantFrom('being deleted', 'missing') }),
  },
  { weight: 2, arbitrary: fc.record({ ...does('kind'), definition: fc.constant('well' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({ ...does('round with faults'), faults: fc.array(fault, { maxLength: 8 }) }),
  },
);

const machines = [0, 1, 2].map(snapshotWithMsr);
/** A content is Yes on the machine of its number, Unknown on the next one, No on the third. */
const assessContent = (profile: string, content: number, machine: number): Assessment =>
  [yes, unknown, no].map((as) => as(profile))[(machine - content + CONTENTS) % CONTENTS] ?? no(profile);

class History {
  readonly cluster = new ModelCluster('worker-1');
  observation: Observation = { outcome: failed(), snapshot: undefined };
  machine = 0;
  /** What there is, and what the agent's list shows. */
  contents = new Map<string, number>();
  listed: Map<string, { uid: string; content: number }> | undefined;
  reconciler = this.start();
  serial = 0;
  removed = 0;
  added = 0;

  start(): Reconciler {
    const view = (): ProfileView[] =>
      [...(this.listed ?? [])].map(([profile, { uid, content }]) => ({
        name: profile,
        uid,
        generation: 1,
        spec: String(content),
      }));
    const listed = (): boolean => this.listed !== undefined;
    return new Reconciler({
      client: this.cluster.client(),
      nodeName: 'worker-1',
      observer: { latest: () => this.observation },
      profiles: {
        get hasSynced() {
          return listed();
        },
        values: view,
      },
      assessor: {
        assessAll: (profiles) =>
          Promise.resolve(
            profiles.map(({ name: profile, spec }) => assessContent(profile, Number(spec), this.machine)),
          ),
      },
      events: { record: () => undefined },
      metrics: { state: () => undefined, labelsChanged: () => undefined, reconcileFailed: () => undefined },
      clock: systemClock,
      log: silentLogger,
    });
  }

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'probe': {
        this.machine = next.machine;
        const snapshot = machines[next.machine] ?? fail();
        this.observation = {
          outcome: good({ snapshot: snapshotName(snapshot), at: systemClock.now() }),
          snapshot,
        };
        return;
      }
      case 'probe fails':
        this.observation = { outcome: failed(), snapshot: undefined };
        return;
      case 'profile comes':
        if (this.cluster.definition !== 'well' || this.contents.has(next.name)) return;
        this.serial += 1;
        this.contents.set(next.name, next.content);
        this.cluster.profiles.set(next.name, `uid-${this.serial}`);
        return;
      case 'profile goes':
        this.contents.delete(next.name);
        this.cluster.profiles.delete(next.name);
        return;
      case 'kind':
        this.cluster.definition = next.definition;
        if (next.definition !== 'well') this.contents.clear();
        if (next.definition !== 'well') this.cluster.profiles.clear();
        return;
      case 'list':
        if (this.cluster.definition === 'missing') return;
        this.listed = new Map(
          [...this.contents].map(([profile, content]) => [
            profile,
            { uid: this.cluster.profiles.get(profile) ?? '', content },
          ]),
        );
        return;
      case 'list shows nothing':
        this.listed = new Map();
        return;
      case 'restart':
        this.listed = undefined;
        this.reconciler = this.start();
        return;
      case 'label by hand':
        this.cluster.labelByHand(profileLabel(next.name), next.value);
        return;
      case 'round':
        return this.round([]);
      case 'round with faults':
        return this.round(next.faults);
    }
  }

  async round(faults: readonly Fault[]): Promise<void> {
    const { cluster } = this;
    const pending = [...faults];
    cluster.fault = () => pending.shift();
    const before = new Map(cluster.node.labels);
    const goneBefore = (profile: string): boolean =>
      !cluster.profiles.has(profile) && cluster.definition === 'well';
    await this.reconciler.reconcile().catch(() => undefined);
    cluster.fault = () => undefined;
    const after = cluster.node.labels;
    const { outcome } = this.observation;
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [was, is] = [before.get(key), after.get(key)];
      if (was === is) continue;
      expect(outcome.good, `${key} changed after a failed probe`).toBe(true);
      expect(key).toMatch(/cpuprofiles\.dev\//);
      if (!key.startsWith(PROFILE_LABEL_PREFIX)) continue;
      const profile = key.slice(PROFILE_LABEL_PREFIX.length);
      if (is === undefined) {
        this.removed += 1;
        expect(goneBefore(profile), `${key} went although its profile is not gone`).toBe(true);
      } else {
        this.added += 1;
        expect(is).toBe('true');
        const content = this.listed?.get(profile)?.content;
        expect(content, `${key} came without a listed profile`).toBeDefined();
        expect(assessContent(profile, content ?? -1, this.machine).compatible).toBe('Yes');
      }
    }
  }

  /** With everything well again the node comes to rest, where it should. */
  async settle(): Promise<void> {
    for (const next of [
      { do: 'kind', definition: 'well' },
      { do: 'probe', machine: 1 },
      { do: 'list' },
    ] as const)
      await this.take(next);
    for (let i = 0; i < 3; i += 1) await this.round([]);
    const { resourceVersion, labels } = this.cluster.node;
    const { writes } = this.cluster;
    for (const [profile, content] of this.contents) {
      if (assessContent(profile, content, 1).compatible === 'Yes')
        expect(labels.get(profileLabel(profile))).toBe('true');
    }
    this.reconciler = this.start();
    await this.round([]);
    expect({ resourceVersion: this.cluster.node.resourceVersion, writes: this.cluster.writes }).toEqual({
      resourceVersion,
      writes,
    });
  }
}

const fail = (): never => {
  throw new Error('no such machine');
};

describe('over random histories', () => {
  it('no label goes but that of a profile that is gone, and none comes without a Yes', async () => {
    const totals = { histories: 0, steps: 0, removed: 0, added: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
        const history = new History();
        for (const next of steps) await history.take(next);
        await history.settle();
        totals.histories += 1;
        totals.steps += steps.length;
        totals.removed += history.removed;
        totals.added += history.added;
      }),
      { numRuns: 1_000 },
    );
    // The histories must have been about something.
    expect(totals.added).toBeGreaterThan(200);
    expect(totals.removed).toBeGreaterThan(50);
    console.log(`label safety: ${JSON.stringify(totals)}`);
  }, 60_000);
});
