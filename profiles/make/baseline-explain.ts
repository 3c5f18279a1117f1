/** What a baseline costs, and whom to blame: hosts and features ranked, and the pool without the hosts that hold it back most. */
import { definitionsFor } from '../definitions/definitions.ts';
import { InputError } from '../model/input-error.ts';
import type { ProfileOptions } from '../model/profile.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { baseline, type Baseline } from './baseline.ts';
import type { Limit } from './baseline-limits.ts';
import { membersOf, type Member } from './baseline-members.ts';
import type { Difference } from './diff-fields.ts';
import { diffData } from './diff-profiles.ts';

/** Removing more hosts than this is no longer the same pool. */
const MOST_LIMITING = 3;

export interface HostCost {
  readonly snapshot: string;
  /** Bits and MSRs that this host alone keeps from the pool. */
  readonly alone: number;
  /** Those that it keeps from the pool, alone or with others. */
  readonly together: number;
}

export interface FeatureCost extends Limit {
  /** Bits, or 1 for an MSR as a whole. */
  readonly cost: number;
}

export interface BaselineExplanation {
  /** Every host of the pool, the most limiting first. */
  readonly hosts: readonly HostCost[];
  /** Every limit: those that the fewest hosts stand in the way of first, among them the most bits. */
  readonly features: readonly FeatureCost[];
  /** The pool without its most limiting hosts: at most three, and never all of them. */
  readonly without: {
    readonly snapshots: readonly string[];
    /** What the rest could do more; `undefined` with the reason when there is no common profile. */
    readonly gains: readonly Difference[];
    readonly problem?: string;
  };
}

/** `made` must be the baseline of the same name, snapshots and options. Throws InputError as `baseline` does. */
export function explainBaseline(
  name: string,
  snapshots: readonly Snapshot[],
  options: ProfileOptions,
  made: Baseline = baseline(name, snapshots, options),
): BaselineExplanation {
  const members = membersOf(snapshots);
  return {
    hosts: rankHosts(members, made.limitedBy),
    features: made.limitedBy
      .map((limit) => ({ ...limit, cost: costOf(limit) }))
      .sort((left, right) => left.snapshots.length - right.snapshots.length || right.cost - left.cost),
    without: withoutMostLimiting(name, members, options, made),
  };
}

const costOf = ({ bits }: Limit): number => Math.max(1, bits.length);

const total = (limits: readonly Limit[]): number => limits.reduce((sum, limit) => sum + costOf(limit), 0);

function rankHosts(members: readonly Member[], limits: readonly Limit[]): HostCost[] {
  return members
    .map(({ name }) => {
      const mine = limits.filter(({ snapshots }) => snapshots.includes(name));
      return {
        snapshot: name,
        alone: total(mine.filter(({ snapshots }) => snapshots.length === 1)),
        together: total(mine),
      };
    })
    .sort(
      (left, right) =>
        right.alone - left.alone ||
        right.together - left.together ||
        (left.snapshot < right.snapshot ? -1 : 1),
    );
}

function withoutMostLimiting(
  name: string,
  members: readonly Member[],
  options: ProfileOptions,
  made: Baseline,
): BaselineExplanation['without'] {
  const removed = mostLimiting(members, made.limitedBy);
  if (removed.length === 0) return { snapshots: [], gains: [] };
  const rest = members.filter((member) => !removed.includes(member.name)).map(({ host }) => host);
  try {
    const { vendor, data } = baseline(name, rest, options);
    const gains = diffData(made.data, data, definitionsFor(vendor)).filter(
      ({ change }) => change === 'gained',
    );
    return { snapshots: removed, gains };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { snapshots: removed, gains: [], problem: error.message };
  }
}

/** One host after the other, each time the one whose loss frees the most. Ends where nothing is freed any more. */
function mostLimiting(members: readonly Member[], limits: readonly Limit[]): string[] {
  const removed: string[] = [];
  const most = Math.min(MOST_LIMITING, members.length - 1);
  while (removed.length < most) {
    const freed = (name: string): number =>
      total(
        limits.filter(({ snapshots }) => snapshots.every((each) => each === name || removed.includes(each))),
      );
    // How much a host has part in breaks ties: what two hosts block together is freed by removing both.
    const share = (name: string): number =>
      limits
        .filter(({ snapshots }) => snapshots.includes(name))
        .reduce((sum, limit) => sum + costOf(limit) / limit.snapshots.length, 0);
    const [next] = members
      .map(({ name }) => name)
      .filter((name) => !removed.includes(name))
      .map((name) => ({ name, freed: freed(name), share: share(name) }))
      .filter((candidate) => candidate.share > 0)
      .sort((left, right) => right.freed - left.freed || right.share - left.share);
    if (next === undefined) break;
    removed.push(next.name);
  }
  return removed;
}
