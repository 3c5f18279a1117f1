/** A snapshot made quick to look things up in. Remembered by the Snapshot object: snapshots are immutable. */
import type { CpuidEntry, Snapshot } from '../model/snapshot.ts';

export interface HostIndex {
  readonly leaves: ReadonlyMap<number, readonly CpuidEntry[]>;
  readonly featureMsrs: ReadonlyMap<number, bigint>;
  readonly msrIndices: ReadonlySet<number>;
}

const indices = new WeakMap<Snapshot, HostIndex>();

export function indexHost(snapshot: Snapshot): HostIndex {
  const known = indices.get(snapshot);
  if (known !== undefined) return known;
  const leaves = new Map<number, CpuidEntry[]>();
  for (const entry of snapshot.cpuid) {
    const entries = leaves.get(entry.leaf);
    if (entries === undefined) leaves.set(entry.leaf, [entry]);
    else entries.push(entry);
  }
  const index: HostIndex = {
    leaves,
    featureMsrs: new Map(snapshot.featureMsrs?.map((msr) => [msr.index, msr.value])),
    msrIndices: new Set(snapshot.msrIndices),
  };
  indices.set(snapshot, index);
  return index;
}

/** The host's entries of `leaf` in a range of subleaves, rising. */
export function entriesIn(
  host: HostIndex,
  leaf: number,
  subleaf: number,
  lastSubleaf: number,
): readonly CpuidEntry[] {
  const entries = host.leaves.get(leaf);
  if (entries === undefined) return [];
  return entries.filter((entry) => subleaf <= entry.subleaf && entry.subleaf <= lastSubleaf);
}
