/** The verdicts of a NodeCpu: what holds now, and since when. */
import type { NodeCpuStatus, NodeVerdict } from '../../crds/node-cpu.ts';
import { rfc3339 } from '../../kube/conditions.ts';
import type { Assessment, Input } from './input.ts';
import { isLabelled, labelNames } from './labels.ts';
import { cutToBytes } from './text.ts';

/** The schema's bound on `status.verdicts`. */
export const MAX_VERDICTS = 512;
const MAX_MESSAGE_BYTES = 200;

export interface Verdicts {
  /** Sorted by name, at most MAX_VERDICTS, those held before all others. */
  readonly shown: readonly NodeVerdict[];
  /** How many there are. */
  readonly total: number;
  /** Profiles whose label stays although the verdict is not Yes, by name; of all verdicts, not only those shown. */
  readonly held: readonly string[];
  /** Labelled profiles that are not in the list and could not be confirmed gone. */
  readonly unconfirmed: readonly string[];
}

/** Verdicts after this round. Without a good probe and a list of profiles they stay as they were. */
export function decideVerdicts(input: Omit<Input, 'snapshotConflict'>): Verdicts {
  const { probe, assessments, node, gone } = input;
  const previous = new Map(input.previous?.verdicts?.map((verdict) => [verdict.profile, verdict]));
  const verdicts = new Map<string, NodeVerdict>();
  const unconfirmed: string[] = [];
  if (!probe.good || assessments === undefined) {
    for (const [name, verdict] of previous) verdicts.set(name, verdict);
  } else {
    for (const assessment of assessments) {
      verdicts.set(assessment.profile, toVerdict(assessment, previous.get(assessment.profile), input.now));
    }
    for (const name of labelNames(node.labels)) {
      if (verdicts.has(name) || gone.has(name)) continue;
      unconfirmed.push(name);
      const last = previous.get(name);
      if (last !== undefined) verdicts.set(name, last);
    }
  }
  const all = [...verdicts.values()]
    .map((verdict) => withHeld(verdict, verdict.compatible !== 'Yes' && isLabelled(node, verdict.profile)))
    .sort(byName);
  const isHeld = (verdict: NodeVerdict): boolean => verdict.held === true;
  return {
    shown: all.length <= MAX_VERDICTS ? all : heldFirst(all).slice(0, MAX_VERDICTS).sort(byName),
    total: all.length,
    held: all.filter(isHeld).map((verdict) => verdict.profile),
    unconfirmed,
  };
}

/** Profiles held now and not before: each is worth one Event. */
export function newlyHeld(shown: readonly NodeVerdict[], previous: NodeCpuStatus | undefined): NodeVerdict[] {
  const before = new Set(
    previous?.verdicts?.filter((verdict) => verdict.held).map((verdict) => verdict.profile),
  );
  return shown.filter((verdict) => verdict.held && !before.has(verdict.profile));
}

function toVerdict(assessment: Assessment, last: NodeVerdict | undefined, now: Date): NodeVerdict {
  const { profile, digest, compatible, reason, findings, message } = assessment;
  const since = last?.compatible === compatible ? last.since : rfc3339(now);
  return {
    profile,
    digest,
    compatible,
    // There is no throw-away VM yet: nothing is proven.
    proven: false,
    since,
    reason,
    findings,
    ...(compatible !== 'Yes' && message !== '' && { message: cutToBytes(message, MAX_MESSAGE_BYTES) }),
  };
}

function withHeld(verdict: NodeVerdict, held: boolean): NodeVerdict {
  const copy = { ...verdict };
  if (held) copy.held = true;
  else delete copy.held;
  return copy;
}

/** By code unit, as API servers sort names; never by locale. */
const byName = (left: NodeVerdict, right: NodeVerdict): number =>
  left.profile < right.profile ? -1 : left.profile > right.profile ? 1 : 0;

const heldFirst = (verdicts: readonly NodeVerdict[]): NodeVerdict[] => [
  ...verdicts.filter((verdict) => verdict.held),
  ...verdicts.filter((verdict) => !verdict.held),
];
