/**
 * A resolved profile: what a guest may see, register by register. `guest = (host & mask) | value`; a CPUID
 * register that is not listed is 0, a feature MSR that is not listed is left alone.
 */
import { digestOf } from './canonical.ts';
import { InputError } from './input-error.ts';
import { and32, toHex } from './numbers.ts';
import { compareCpuidPlaces, registerKey, type Register, type Vendor } from './registers.ts';
import { placeOf, u32, u64 } from './snapshot.ts';

export interface CpuidAdjustment {
  readonly leaf: number;
  readonly subleaf: number;
  /** Inclusive; equal to `subleaf` for a single one. */
  readonly lastSubleaf: number;
  readonly register: Register;
  readonly mask: number;
  readonly value: number;
}

export interface MsrAdjustment {
  readonly index: number;
  readonly mask: bigint;
  readonly value: bigint;
}

/** Sorted by place and index, without repeats or overlaps, `mask & value` = 0 everywhere. */
export interface ProfileData {
  readonly cpuid: readonly CpuidAdjustment[];
  readonly featureMsrs: readonly MsrAdjustment[];
  readonly requiredMsrs: readonly number[];
}

export const FILTER_MODES = ['closed', 'deny-known', 'none'] as const;
export type FilterMode = (typeof FILTER_MODES)[number];

export interface Profile {
  readonly vendor: Vendor;
  readonly data: ProfileData;
  readonly filter: FilterMode;
}

/** Absent: what the catalogue entry or the data holds. false: taken away. true: must be there. */
export interface ProfileOptions {
  readonly nested?: boolean | undefined;
  readonly amx?: boolean | undefined;
  readonly hyperv?: boolean | undefined;
}

/** `spec.data` of a CpuProfile object, and the form in which the catalogue is kept. */
export interface ProfileDataWire {
  cpuid: {
    leaf: string;
    subleaf: string;
    lastSubleaf?: string | undefined;
    register: Register;
    mask: string;
    value: string;
  }[];
  featureMsrs?: { index: string; mask: string; value: string }[] | undefined;
  requiredMsrs?: string[] | undefined;
}

export interface ProfileWire {
  vendor: Vendor;
  data: Required<ProfileDataWire>;
  filter: { mode: FilterMode };
}

/** Reads and normalises profile data, noting merged repeats. Throws InputError naming the entry. */
export function profileDataFromWire(
  wire: ProfileDataWire,
  place = 'data',
): { data: ProfileData; notes: string[] } {
  const notes: string[] = [];
  const cpuid = wire.cpuid.map((entry, i): CpuidAdjustment => {
    const at = `${place}.cpuid`;
    const subleaf = u32(entry.subleaf, at, i, 'subleaf');
    return {
      leaf: u32(entry.leaf, at, i, 'leaf'),
      subleaf,
      lastSubleaf: entry.lastSubleaf === undefined ? subleaf : u32(entry.lastSubleaf, at, i, 'lastSubleaf'),
      register: entry.register,
      mask: u32(entry.mask, at, i, 'mask'),
      value: u32(entry.value, at, i, 'value'),
    };
  });
  cpuid.forEach((entry, i) => {
    if (entry.lastSubleaf < entry.subleaf)
      throw new InputError(placeOf(`${place}.cpuid`, i), 'lastSubleaf is below subleaf');
    const both = and32(entry.mask, entry.value);
    if (both !== 0) {
      throw new InputError(
        placeOf(`${place}.cpuid`, i),
        `mask ${toHex(entry.mask)} and value ${toHex(entry.value)} overlap in ${toHex(both)}: a bit is either the host's or fixed`,
      );
    }
  });
  const featureMsrs = (wire.featureMsrs ?? []).map((entry, i): MsrAdjustment => {
    const at = `${place}.featureMsrs`;
    const msr = {
      index: u32(entry.index, at, i, 'index'),
      mask: u64(entry.mask, at, i, 'mask'),
      value: u64(entry.value, at, i, 'value'),
    };
    if (msr.mask & msr.value) {
      throw new InputError(
        placeOf(at, i),
        `mask ${toHex(msr.mask)} and value ${toHex(msr.value)} overlap in ${toHex(msr.mask & msr.value)}: a bit is either the host's or fixed`,
      );
    }
    return msr;
  });
  const requiredMsrs = (wire.requiredMsrs ?? []).map((index, i) => u32(index, `${place}.requiredMsrs`, i));
  return {
    data: {
      cpuid: mergeCpuid(cpuid, place, notes),
      featureMsrs: mergeMsrs(featureMsrs, place, notes),
      requiredMsrs: [...new Set(requiredMsrs)].sort((left, right) => left - right),
    },
    notes,
  };
}

function mergeCpuid(entries: readonly CpuidAdjustment[], place: string, notes: string[]): CpuidAdjustment[] {
  const result: CpuidAdjustment[] = [];
  // The last entry of each register of the leaf at hand: ranges of one register must not overlap.
  const open = new Map<number, CpuidAdjustment>();
  for (const entry of [...entries].sort(compareCpuidPlaces)) {
    const key = registerKey(entry.leaf, entry.register);
    const last = open.get(key);
    if (last !== undefined && entry.subleaf <= last.lastSubleaf) {
      const name = `CPUID leaf ${toHex(entry.leaf)} subleaf ${toHex(entry.subleaf)} ${entry.register.toUpperCase()}`;
      const same = last.subleaf === entry.subleaf && last.lastSubleaf === entry.lastSubleaf;
      if (!same)
        throw new InputError(`${place}.cpuid`, `${name} is covered by two overlapping subleaf ranges`);
      if (last.mask !== entry.mask || last.value !== entry.value) {
        throw new InputError(`${place}.cpuid`, `${name} appears twice with different values`);
      }
      notes.push(`${name} appears twice with the same values: merged`);
      continue;
    }
    open.set(key, entry);
    result.push(entry);
  }
  return result;
}

function mergeMsrs(entries: readonly MsrAdjustment[], place: string, notes: string[]): MsrAdjustment[] {
  const result: MsrAdjustment[] = [];
  for (const entry of [...entries].sort((left, right) => left.index - right.index)) {
    const last = result.at(-1);
    if (last?.index !== entry.index) {
      result.push(entry);
    } else if (last.mask !== entry.mask || last.value !== entry.value) {
      throw new InputError(
        `${place}.featureMsrs`,
        `MSR ${toHex(entry.index)} appears twice with different values`,
      );
    } else {
      notes.push(`MSR ${toHex(entry.index)} appears twice with the same values: merged`);
    }
  }
  return result;
}

/** Canonical wire form of profile data: sorted, compact hex, `lastSubleaf` only for ranges. */
export function profileDataToWire(data: ProfileData): Required<ProfileDataWire> {
  return {
    cpuid: data.cpuid.map((entry) => ({
      leaf: toHex(entry.leaf),
      subleaf: toHex(entry.subleaf),
      ...(entry.lastSubleaf !== entry.subleaf && { lastSubleaf: toHex(entry.lastSubleaf) }),
      register: entry.register,
      mask: toHex(entry.mask),
      value: toHex(entry.value),
    })),
    featureMsrs: data.featureMsrs.map((msr) => ({
      index: toHex(msr.index),
      mask: toHex(msr.mask),
      value: toHex(msr.value),
    })),
    requiredMsrs: data.requiredMsrs.map(toHex),
  };
}

/** The resolved profile as `profile.json` holds it and as its digest is taken. */
export function profileToWire(profile: Profile): ProfileWire {
  return { vendor: profile.vendor, data: profileDataToWire(profile.data), filter: { mode: profile.filter } };
}

/** `sha256:…` of the resolved profile; the name of the object is not in it. */
export const profileDigest = (profile: Profile): string => digestOf(profileToWire(profile));
