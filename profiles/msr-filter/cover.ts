/**
 * The fewest ranges that decide a set of MSRs. KVM takes at most 16, each of at most 0x600 bytes of bitmap, for
 * reads, writes or both; the first one that covers an index in the direction of the access decides by its bit, and
 * where none does the default holds (Linux, kvm_msr_allowed in arch/x86/kvm/x86.c). So a READ range in front of a
 * READ|WRITE one answers reads for it, and "both" is enough wherever reads and writes need the same answer.
 */
import { U32_MAX } from '../model/numbers.ts';
import { X2APIC_FIRST } from './permitted.ts';

export const MAX_RANGES = 16;
/** 0x600 bytes of bitmap, one bit an MSR. */
export const MAX_RANGE_MSRS = 12_288;

/** KVM_MSR_FILTER_READ 1, KVM_MSR_FILTER_WRITE 2; also the directions in which an MSR departs from the default. */
export type Directions = 1 | 2 | 3;
export const READ = 1;
export const WRITE = 2;

/** Neighbouring MSRs that depart from the default in the same directions. */
export interface Run {
  readonly first: number;
  readonly last: number;
  readonly directions: Directions;
}

/** What one range of the filter covers, `base` to `base + count - 1`. */
export interface Window {
  readonly flags: Directions;
  readonly base: number;
  readonly count: number;
}

/** Last index that the latest window of each kind covers; below the current index: none at hand. Index 0 is unused. */
type Ends = readonly [number, number, number, number];

interface State {
  /** First MSR that is not decided yet, and its run. */
  readonly at: number;
  readonly run: number;
  readonly ends: Ends;
  readonly opened: Opened | undefined;
}

interface Opened {
  readonly flags: Directions;
  readonly base: number;
  readonly before: Opened | undefined;
}

const KINDS: readonly Directions[] = [3, READ, WRITE];
const PAIRS: readonly (readonly Directions[])[] = [[READ, WRITE]];

/** The last MSR a window from `base` may cover: 12,288 at most, never an x2APIC one. */
const reach = (base: number): number =>
  Math.min(base + MAX_RANGE_MSRS - 1, base < X2APIC_FIRST ? X2APIC_FIRST - 1 : U32_MAX);

/**
 * Is an MSR that departs from the default in `directions` decided rightly by the windows of `kinds` over it? A shared
 * window alone gives both directions one answer; beside a single-direction one it only answers the other direction.
 */
function decides(directions: Directions, kinds: number): boolean {
  const has = (kind: Directions): boolean => (kinds & (1 << kind)) !== 0;
  if (directions === 3) return has(3) || (has(READ) && has(WRITE));
  const own = directions;
  const other = directions === READ ? WRITE : READ;
  return has(own) || (has(3) && has(other));
}

/**
 * Fewest windows for `runs` (sorted, without overlap, no x2APIC MSR among them), by layers of equal cost. Windows
 * open only where a run asks for one: one opened later covers no less. `undefined` with the first MSR out of reach
 * when `limit` windows do not do.
 */
export function cover(runs: readonly Run[], limit = MAX_RANGES): { windows: Window[] } | { stuckAt: number } {
  const layers: State[][] = Array.from({ length: limit + 3 }, () => []);
  layers[0] = [{ at: runs[0]?.first ?? 0, run: 0, ends: [-1, -1, -1, -1], opened: undefined }];
  let stuckAt = runs[0]?.first ?? 0;
  for (let cost = 0; cost <= limit; cost += 1) {
    const states = undominated((layers[cost] ?? []).map((state) => advance(runs, state)));
    const done = states.find((state) => state.run >= runs.length);
    if (done !== undefined) return { windows: trimmed(runs, done.opened) };
    for (const state of states) {
      stuckAt = Math.max(stuckAt, state.at);
      for (const kinds of choices(runs, state)) layers[cost + kinds.length]?.push(open(state, kinds));
    }
  }
  return { stuckAt };
}

const kindsAt = (ends: Ends, at: number): number =>
  KINDS.reduce((bits, kind) => (ends[kind] >= at ? bits | (1 << kind) : bits), 0);

/** Moves on to the first MSR that the windows at hand do not decide. */
function advance(runs: readonly Run[], state: State): State {
  let { at, run } = state;
  for (let current = runs[run]; current !== undefined; current = runs[run]) {
    at = Math.max(at, current.first);
    if (!decides(current.directions, kindsAt(state.ends, at))) break;
    // Nothing changes before the nearest end of a window over `at`.
    const next =
      1 + Math.min(current.last, ...KINDS.map((kind) => state.ends[kind]).filter((end) => end >= at));
    if (next > current.last) run += 1;
    at = next;
  }
  return { ...state, at, run };
}

/** The smallest sets of windows that decide the MSR the state stands at. */
function choices(runs: readonly Run[], state: State): (readonly Directions[])[] {
  const directions = runs[state.run]?.directions;
  if (directions === undefined) return [];
  const at = kindsAt(state.ends, state.at);
  const enough = (kinds: readonly Directions[]): boolean =>
    decides(
      directions,
      kinds.reduce((bits, kind) => bits | (1 << kind), at),
    );
  // The plainest first: the kind that says no more than is asked.
  const plain = [directions, ...KINDS.filter((kind) => kind !== directions)];
  const single = plain.filter((kind) => enough([kind])).map((kind) => [kind]);
  // READ and WRITE together cover all that READ|WRITE with one of them does, so no other pair is worth a try.
  return [...single, ...PAIRS.filter((kinds) => enough(kinds) && !kinds.some((kind) => enough([kind])))];
}

function open(state: State, kinds: readonly Directions[]): State {
  const ends: [number, number, number, number] = [...state.ends];
  let { opened } = state;
  for (const flags of kinds) {
    ends[flags] = reach(state.at);
    opened = { flags, base: state.at, before: opened };
  }
  return { ...state, ends, opened };
}

/** Drops states that another one of the same cost matches or beats everywhere: further on, and covering no less from there. */
function undominated(states: readonly State[]): State[] {
  const kept: State[] = [];
  const beats = (left: State, right: State): boolean =>
    left.at >= right.at &&
    left.run >= right.run &&
    KINDS.every((kind) => right.ends[kind] < left.at || left.ends[kind] >= right.ends[kind]);
  for (const state of [...states].sort((left, right) => right.run - left.run || right.at - left.at)) {
    if (!kept.some((other) => beats(other, state))) kept.push(state);
  }
  return kept;
}

/** Windows by base, single directions before READ|WRITE because the first match decides, cut at the last MSR they decide. */
function trimmed(runs: readonly Run[], opened: Opened | undefined): Window[] {
  const windows: Window[] = [];
  for (let entry = opened; entry !== undefined; entry = entry.before) {
    const { flags, base } = entry;
    const end = reach(base);
    const run = runs.findLast(({ first }) => first <= end);
    windows.push({ flags, base, count: Math.min(end, run?.last ?? base) - base + 1 });
  }
  const shared = (window: Window): number => (window.flags === 3 ? 1 : 0);
  return windows.sort(
    (left, right) => shared(left) - shared(right) || left.base - right.base || left.flags - right.flags,
  );
}
