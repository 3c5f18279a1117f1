/**
 * A profile's MSR filter, ready for KVM_X86_SET_MSR_FILTER. It depends on the profile and our tables alone, never on
 * a host: the same profile has the same filter on every node.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import type { Definitions } from '../definitions/types.ts';
import { U32_MAX, toHex } from '../model/numbers.ts';
import type { FilterMode, Profile } from '../model/profile.ts';
import { cover, type Directions, MAX_RANGES, READ, type Run, type Window, WRITE } from './cover.ts';
import {
  type Access,
  forbiddenMsrs,
  isX2apic,
  permittedMsrs,
  type PermittedMsrs,
  X2APIC_FIRST,
  X2APIC_LAST,
} from './permitted.ts';

/** One struct kvm_msr_filter_range: bit i of `bitmap` (byte i/8, bit i%8) allows MSR `base` + i; `bitmap` is zero-padded to 8 bytes. */
export interface FilterRange {
  /** KVM_MSR_FILTER_READ 1, KVM_MSR_FILTER_WRITE 2. */
  readonly flags: Directions;
  readonly base: number;
  readonly count: number;
  readonly bitmap: Uint8Array;
}

export interface AllowedRange {
  readonly first: number;
  readonly last: number;
  readonly access: Access;
}

export interface CompiledFilter {
  readonly mode: FilterMode;
  /** KVM_MSR_FILTER_DEFAULT_ALLOW 0, KVM_MSR_FILTER_DEFAULT_DENY 1. */
  readonly flags: 0 | 1;
  /** At most 16, in the order in which KVM looks at them. */
  readonly ranges: readonly FilterRange[];
  /** Everything the filter lets through, rising; the x2APIC MSRs, which it cannot stop, are not in it. */
  readonly allowed: readonly AllowedRange[];
}

/** The profile permits MSRs that lie too far apart for the 16 ranges KVM takes. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

/** The directions in which each MSR departs from the filter's default, rising by index. */
export type Departures = ReadonlyMap<number, Directions>;

/** Compiles the filter of `profile`. Throws FilterError when it does not fit into what KVM takes. */
export function compileFilter(
  profile: Profile,
  definitions = definitionsFor(profile.vendor),
): CompiledFilter {
  const permitted = permittedMsrs(profile, definitions);
  switch (profile.filter) {
    case 'closed':
      return compileDepartures('closed', directionsOf(permitted));
    case 'deny-known':
      return compileDepartures('deny-known', knownDenials(profile, definitions, permitted));
    case 'none':
      return { mode: 'none', flags: 0, ranges: [], allowed: allowedRanges('none', []) };
  }
}

/** A filter of `mode` for the MSRs that depart from its default: the allowed ones of `closed`, the denied of `deny-known`. */
export function compileDepartures(mode: 'closed' | 'deny-known', departures: Departures): CompiledFilter {
  const runs = runsOf(departures);
  const covered = cover(runs);
  if ('stuckAt' in covered) {
    throw new FilterError(
      `the ${mode} MSR filter does not fit into ${MAX_RANGES} ranges of at most 12,288 MSRs: they end before MSR ` +
        `${toHex(covered.stuckAt)}, and ${departures.size} MSRs up to ${toHex(runs.at(-1)?.last ?? 0)} need a rule; ` +
        'require fewer MSRs that lie far apart',
    );
  }
  const ranges = covered.windows.map((window) => rangeOf(mode, runs, window, covered.windows));
  // KVM refuses default deny without a range (EINVAL): say about one MSR what the default says anyway.
  if (mode === 'closed' && ranges.length === 0)
    ranges.push({ flags: 3, base: 0, count: 1, bitmap: new Uint8Array(8) });
  return { mode, flags: mode === 'closed' ? 1 : 0, ranges, allowed: allowedRanges(mode, runs) };
}

const DIRECTIONS: Readonly<Record<Access, Directions>> = { r: READ, w: WRITE, rw: 3 };
const ACCESS: Readonly<Record<Directions, Access>> = { 1: 'r', 2: 'w', 3: 'rw' };

const directionsOf = (permitted: PermittedMsrs): Departures =>
  new Map([...permitted].map(([index, access]) => [index, DIRECTIONS[access]]));

/** What deny-known denies: everything the forbidden and model-specific tables name, as far as the profile does not permit it. */
function knownDenials(profile: Profile, definitions: Definitions, permitted: PermittedMsrs): Departures {
  const denied = new Map<number, Directions>();
  for (const { first, last } of [...forbiddenMsrs(profile, definitions), ...definitions.nonArchitectural]) {
    for (let index = first; index <= last; index += 1) {
      if (isX2apic(index)) continue;
      const access = permitted.get(index);
      if (access === undefined) denied.set(index, 3);
      else if (access !== 'rw') denied.set(index, access === 'r' ? WRITE : READ);
    }
  }
  return new Map([...denied].sort(([left], [right]) => left - right));
}

function runsOf(departures: Departures): Run[] {
  const runs: Run[] = [];
  for (const [index, directions] of departures) {
    const last = runs.at(-1);
    if (last?.last === index - 1 && last.directions === directions)
      runs.splice(-1, 1, { ...last, last: index });
    else runs.push({ first: index, last: index, directions });
  }
  return runs;
}

/** The range of one window: set bits allow. Where a single-direction window answers first, a shared one has no say. */
function rangeOf(
  mode: FilterMode,
  runs: readonly Run[],
  window: Window,
  all: readonly Window[],
): FilterRange {
  const { flags, base, count } = window;
  const bitmap = new Uint8Array(8 * Math.ceil(count / 64));
  const earlier = flags === 3 ? all.filter((other) => other.flags !== 3) : [];
  const answeredBefore = (index: number): number =>
    earlier.reduce(
      (bits, other) => (other.base <= index && index < other.base + other.count ? bits | other.flags : bits),
      0,
    );
  const set = (first: number, last: number, directions: number): void => {
    for (let index = Math.max(first, base); index <= Math.min(last, base + count - 1); index += 1) {
      const departs = (directions & flags & ~answeredBefore(index)) !== 0;
      const at = index - base;
      if (departs === (mode === 'closed')) bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (1 << (at & 7));
    }
  };
  let next = base;
  for (const run of runs) {
    if (run.last < base || run.first >= base + count) continue;
    set(next, run.first - 1, 0);
    set(run.first, run.last, run.directions);
    next = run.last + 1;
  }
  set(next, base + count - 1, 0);
  return { flags, base, count, bitmap };
}

/** Everything the filter lets through: the departures of a closed filter, whatever the others do not deny. */
function allowedRanges(mode: FilterMode, runs: readonly Run[]): AllowedRange[] {
  if (mode === 'closed')
    return runs.map(({ first, last, directions }) => ({ first, last, access: ACCESS[directions] }));
  const x2apic: Run = { first: X2APIC_FIRST, last: X2APIC_LAST, directions: 3 };
  const allowed: AllowedRange[] = [];
  let next = 0;
  for (const { first, last, directions } of [...runs, x2apic].sort(
    (left, right) => left.first - right.first,
  )) {
    if (next < first) allowed.push({ first: next, last: first - 1, access: 'rw' });
    if (directions !== 3) allowed.push({ first, last, access: directions === READ ? 'w' : 'r' });
    next = last + 1;
  }
  if (next <= U32_MAX) allowed.push({ first: next, last: U32_MAX, access: 'rw' });
  return allowed;
}
