/** Profiles and hosts written down in a line, for tests of single rules. */
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import type { FilterMode, Profile, ProfileData } from '../../profiles/model/profile.ts';
import { compareCpuidPlaces, type Register, type Vendor } from '../../profiles/model/registers.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';

/** `[leaf, subleaf or [first, last], register, value, mask = 0]` */
export type CpuidRow = readonly [
  leaf: number,
  subleaf: number | readonly [number, number],
  register: Register,
  value: number,
  mask?: number,
];
export type MsrRow = readonly [index: number, value: bigint, mask?: bigint];

const VENDOR_ROWS: Readonly<Record<Vendor, readonly CpuidRow[]>> = {
  intel: [
    [0, 0, 'ebx', 0x756e_6547],
    [0, 0, 'ecx', 0x6c65_746e],
    [0, 0, 'edx', 0x4965_6e69],
  ],
  amd: [
    [0, 0, 'ebx', 0x6874_7541],
    [0, 0, 'ecx', 0x444d_4163],
    [0, 0, 'edx', 0x6974_6e65],
  ],
};

export interface MadeProfile {
  readonly vendor?: Vendor;
  readonly cpuid?: readonly CpuidRow[];
  readonly msrs?: readonly MsrRow[];
  readonly required?: readonly number[];
  readonly filter?: FilterMode;
}

export const madeData = ({ cpuid = [], msrs = [], required = [] }: MadeProfile): ProfileData => ({
  cpuid: cpuid
    .map(([leaf, subleaf, register, value, mask = 0]) => {
      const [first, last] = typeof subleaf === 'number' ? [subleaf, subleaf] : subleaf;
      return { leaf, subleaf: first, lastSubleaf: last, register, mask, value };
    })
    .sort(compareCpuidPlaces),
  featureMsrs: msrs.map(([index, value, mask = 0n]) => ({ index, mask, value })),
  requiredMsrs: required,
});

/** A profile with the vendor's name in leaf 0 and no filter, and else what is said. */
export const madeProfile = (made: MadeProfile): Profile => {
  const { vendor = 'intel', cpuid = [], filter = 'none' } = made;
  return { vendor, data: madeData({ ...made, cpuid: [...VENDOR_ROWS[vendor], ...cpuid] }), filter };
};

export interface MadeHost extends Partial<Omit<Snapshot, 'cpuid' | 'featureMsrs'>> {
  readonly cpuid?: readonly CpuidRow[];
  /** null: not observed. */
  readonly msrs?: readonly MsrRow[] | null;
}

/** A complete answer of KVM with the vendor's name in leaf 0, no MSRs and every capability, and else what is said. */
export function madeHost({ cpuid = [], msrs = [], vendor = 'intel', ...rest }: MadeHost): Snapshot {
  const entries = new Map<string, Record<Register | 'leaf' | 'subleaf', number>>();
  const rows: readonly CpuidRow[] = [[0, 0, 'eax', 0x20], ...VENDOR_ROWS[vendor], ...cpuid];
  for (const [leaf, place, register, value] of rows) {
    const subleaf = typeof place === 'number' ? place : place[0];
    const key = `${leaf}.${subleaf}`;
    const entry = entries.get(key) ?? { leaf, subleaf, eax: 0, ebx: 0, ecx: 0, edx: 0 };
    entry[register] = value;
    entries.set(key, entry);
  }
  return {
    vendor,
    source: 'kvm',
    partial: false,
    cpuid: [...entries.values()].sort(
      (left, right) => left.leaf - right.leaf || left.subleaf - right.subleaf,
    ),
    featureMsrs: msrs === null ? undefined : msrs.map(([index, value]) => ({ index, value })),
    msrIndices: [],
    capabilities: { msrFilter: true, userSpaceMsr: true, nested: true },
    ...rest,
  };
}

export const INTEL = definitionsFor('intel');
export const AMD = definitionsFor('amd');
