/**
 * What one kind of host offers to guests, as KVM reported it. Inside, registers are numbers and MSR values
 * bigints; on the wire (objects, files) everything is canonical hex and sorted, so that identical hosts give
 * identical bytes and share one name.
 */
import { digestOf, shortDigest } from './canonical.ts';
import { InputError } from './input-error.ts';
import { parseU32, parseU64, toHex } from './numbers.ts';
import { quoted } from './quoted.ts';
import type { Vendor } from './registers.ts';

/** Where an observation comes from: the KVM ioctls, inside a guest, or the bare CPUID instruction. */
export type SnapshotSource = 'kvm' | 'guest' | 'raw';

export interface CpuidEntry {
  readonly leaf: number;
  readonly subleaf: number;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

export interface MsrValue {
  readonly index: number;
  readonly value: bigint;
}

export interface Capabilities {
  /** KVM_CAP_X86_MSR_FILTER */
  readonly msrFilter: boolean;
  /** KVM_CAP_X86_USER_SPACE_MSR */
  readonly userSpaceMsr: boolean;
  /** VMX or SVM among the supported CPUID bits and the module parameter `nested` on. */
  readonly nested: boolean;
}

/** Entries are sorted and unique. `undefined` lists were not observed; empty ones were observed and empty. */
export interface Snapshot {
  readonly vendor: Vendor;
  readonly source: SnapshotSource;
  /** true: an absent leaf or MSR says nothing. */
  readonly partial: boolean;
  readonly cpuid: readonly CpuidEntry[];
  readonly featureMsrs: readonly MsrValue[] | undefined;
  readonly msrIndices: readonly number[] | undefined;
  readonly capabilities: Capabilities;
}

/** The `spec` of a CpuSnapshot object. */
export interface SnapshotWire {
  vendor: Vendor;
  source: SnapshotSource;
  partial: boolean;
  cpuid: { leaf: string; subleaf: string; eax: string; ebx: string; ecx: string; edx: string }[];
  featureMsrs?: { index: string; value: string }[] | undefined;
  msrIndices?: string[] | undefined;
  capabilities: { msrFilter: boolean; userSpaceMsr: boolean; nested: boolean };
}

/** Sorts, merges identical repeats and refuses differing ones. Throws InputError naming the entry. */
export function normaliseSnapshot(snapshot: Snapshot): Snapshot {
  const cpuid = uniqueSorted(
    snapshot.cpuid,
    (left, right) => left.leaf - right.leaf || left.subleaf - right.subleaf,
    (left, right) =>
      left.eax === right.eax && left.ebx === right.ebx && left.ecx === right.ecx && left.edx === right.edx,
    (entry) => `CPUID leaf ${toHex(entry.leaf)} subleaf ${toHex(entry.subleaf)}`,
  );
  const featureMsrs =
    snapshot.featureMsrs &&
    uniqueSorted(
      snapshot.featureMsrs,
      (left, right) => left.index - right.index,
      (left, right) => left.value === right.value,
      (msr) => `feature MSR ${toHex(msr.index)}`,
    );
  const msrIndices =
    snapshot.msrIndices && [...new Set(snapshot.msrIndices)].sort((left, right) => left - right);
  return { ...snapshot, cpuid, featureMsrs, msrIndices };
}

function uniqueSorted<T>(
  items: readonly T[],
  order: (left: T, right: T) => number,
  same: (left: T, right: T) => boolean,
  describe: (item: T) => string,
): T[] {
  const result: T[] = [];
  for (const item of [...items].sort(order)) {
    const last = result.at(-1);
    if (last === undefined || order(last, item) !== 0) result.push(item);
    else if (!same(last, item))
      throw new InputError('', `${describe(item)} appears twice with different values`);
  }
  return result;
}

/** The wire form of a normalised snapshot: canonical hex, sorted. */
export function snapshotToWire(snapshot: Snapshot): SnapshotWire {
  const { featureMsrs, msrIndices } = snapshot;
  return {
    vendor: snapshot.vendor,
    source: snapshot.source,
    partial: snapshot.partial,
    cpuid: snapshot.cpuid.map((entry) => ({
      leaf: toHex(entry.leaf),
      subleaf: toHex(entry.subleaf),
      eax: toHex(entry.eax),
      ebx: toHex(entry.ebx),
      ecx: toHex(entry.ecx),
      edx: toHex(entry.edx),
    })),
    ...(featureMsrs && {
      featureMsrs: featureMsrs.map((msr) => ({ index: toHex(msr.index), value: toHex(msr.value) })),
    }),
    ...(msrIndices && { msrIndices: msrIndices.map(toHex) }),
    capabilities: { ...snapshot.capabilities },
  };
}

/** Reads the wire form (shape already checked) and normalises it. Throws InputError naming the place. */
export function snapshotFromWire(wire: SnapshotWire): Snapshot {
  return normaliseSnapshot({
    vendor: wire.vendor,
    source: wire.source,
    partial: wire.partial,
    cpuid: wire.cpuid.map((entry, i) => ({
      leaf: u32(entry.leaf, 'cpuid', i, 'leaf'),
      subleaf: u32(entry.subleaf, 'cpuid', i, 'subleaf'),
      eax: u32(entry.eax, 'cpuid', i, 'eax'),
      ebx: u32(entry.ebx, 'cpuid', i, 'ebx'),
      ecx: u32(entry.ecx, 'cpuid', i, 'ecx'),
      edx: u32(entry.edx, 'cpuid', i, 'edx'),
    })),
    featureMsrs: wire.featureMsrs?.map((msr, i) => ({
      index: u32(msr.index, 'featureMsrs', i, 'index'),
      value: u64(msr.value, 'featureMsrs', i, 'value'),
    })),
    msrIndices: wire.msrIndices?.map((index, i) => u32(index, 'msrIndices', i)),
    capabilities: wire.capabilities,
  });
}

/** `place`, `list[3]` or `list[3].field`. */
export const placeOf = (place: string, i?: number, field?: string): string =>
  `${place}${i === undefined ? '' : `[${i}]`}${field === undefined ? '' : `.${field}`}`;

/** Hex text to a 32-bit number, or an InputError naming the place, which is put together only then. */
export function u32(text: string, place: string, i?: number, field?: string): number {
  const value = parseU32(text);
  if (value === undefined)
    throw new InputError(
      placeOf(place, i, field),
      `${quoted(text, 40)} is not a 32-bit hex number such as 0x1f`,
    );
  return value;
}

/** The same for a 64-bit bigint. */
export function u64(text: string, place: string, i?: number, field?: string): bigint {
  const value = parseU64(text);
  if (value === undefined)
    throw new InputError(
      placeOf(place, i, field),
      `${quoted(text, 40)} is not a 64-bit hex number such as 0x1f`,
    );
  return value;
}

/** `<vendor>-<first 16 hex digits of the digest>`: identical hosts share a name. */
export function snapshotName(snapshot: Snapshot): string {
  return `${snapshot.vendor}-${shortDigest(digestOf(snapshotToWire(snapshot)))}`;
}
