/** The tables of each vendor put together: what a guest of that vendor can meet, on KVM. */
import { REGISTERS, type Vendor } from '../model/registers.ts';
import { AMD_CPUID_BASIC } from './amd/cpuid-basic.ts';
import { AMD_CPUID_EXTENDED } from './amd/cpuid-extended.ts';
import { AMD_CPUID_SVM_AND_LATER } from './amd/cpuid-svm-and-later.ts';
import { AMD_FEATURE_MSRS } from './amd/feature-msrs.ts';
import { AMD_FORBIDDEN_MSRS } from './amd/forbidden-msrs.ts';
import { AMD_PERMITTED_MSRS } from './amd/permitted-msrs.ts';
import { INTEL_CPUID_BASIC } from './intel/cpuid-basic.ts';
import { INTEL_CPUID_EXTENDED } from './intel/cpuid-extended.ts';
import { INTEL_CPUID_LATER } from './intel/cpuid-later.ts';
import { INTEL_CPUID_STATE } from './intel/cpuid-state.ts';
import { INTEL_FEATURE_MSRS } from './intel/feature-msrs.ts';
import { INTEL_FORBIDDEN_MSRS } from './intel/forbidden-msrs.ts';
import { INTEL_NONARCHITECTURAL_MSRS } from './intel/nonarchitectural-msrs.ts';
import { INTEL_PERMITTED_MSRS } from './intel/permitted-msrs.ts';
import { INTEL_VMX_MSRS } from './intel/vmx-msrs.ts';
import { KVM_CPUID } from './kvm/cpuid.ts';
import { HYPERV_MSRS } from './kvm/hyperv-msrs.ts';
import { KVM_MSRS } from './kvm/msrs.ts';
import type { Table } from './rows.ts';
import type { CpuidDefinition, Definitions, MsrDefinition, MsrRange, PermittedMsr } from './types.ts';
import { X86_PERMITTED_MSRS } from './x86/permitted-msrs.ts';

/** A vendor's tables as they are written down, each with its title and source. */
export interface VendorTables {
  readonly cpuid: readonly Table<CpuidDefinition>[];
  readonly featureMsrs: readonly Table<MsrDefinition>[];
  readonly permitted: readonly Table<PermittedMsr>[];
  readonly kvm: readonly Table<PermittedMsr>[];
  readonly hyperv: readonly Table<MsrRange>[];
  readonly forbidden: readonly Table<MsrRange>[];
  readonly nonArchitectural: readonly Table<MsrRange>[];
}

export const TABLES: Readonly<Record<Vendor, VendorTables>> = {
  intel: {
    cpuid: [INTEL_CPUID_BASIC, INTEL_CPUID_STATE, INTEL_CPUID_LATER, INTEL_CPUID_EXTENDED, KVM_CPUID],
    featureMsrs: [INTEL_FEATURE_MSRS, INTEL_VMX_MSRS],
    permitted: [X86_PERMITTED_MSRS, INTEL_PERMITTED_MSRS],
    kvm: [KVM_MSRS],
    hyperv: [HYPERV_MSRS],
    forbidden: [INTEL_FORBIDDEN_MSRS],
    nonArchitectural: [INTEL_NONARCHITECTURAL_MSRS],
  },
  amd: {
    cpuid: [AMD_CPUID_BASIC, AMD_CPUID_EXTENDED, AMD_CPUID_SVM_AND_LATER, KVM_CPUID],
    featureMsrs: [AMD_FEATURE_MSRS],
    permitted: [X86_PERMITTED_MSRS, AMD_PERMITTED_MSRS],
    kvm: [KVM_MSRS],
    hyperv: [HYPERV_MSRS],
    forbidden: [AMD_FORBIDDEN_MSRS],
    nonArchitectural: [],
  },
};

const rowsOf = <T>(tables: readonly Table<T>[]): T[] => tables.flatMap((table) => table.rows);

const byPlace = (left: CpuidDefinition, right: CpuidDefinition): number =>
  left.leaf - right.leaf ||
  left.firstSubleaf - right.firstSubleaf ||
  REGISTERS.indexOf(left.register) - REGISTERS.indexOf(right.register);
const byIndex = (left: { readonly index: number }, right: { readonly index: number }): number =>
  left.index - right.index;
const byFirst = (left: { readonly first: number }, right: { readonly first: number }): number =>
  left.first - right.first;

function assemble(vendor: Vendor): Definitions {
  const tables = TABLES[vendor];
  return {
    vendor,
    cpuid: rowsOf(tables.cpuid).sort(byPlace),
    featureMsrs: rowsOf(tables.featureMsrs).sort(byIndex),
    permitted: rowsOf(tables.permitted).sort(byFirst),
    kvm: rowsOf(tables.kvm).sort(byFirst),
    hyperv: rowsOf(tables.hyperv).sort(byFirst),
    forbidden: rowsOf(tables.forbidden).sort(byFirst),
    nonArchitectural: rowsOf(tables.nonArchitectural).sort(byFirst),
  };
}

const assembled = new Map<Vendor, Definitions>();

/** The definitions of a vendor: always the same object, put together for whoever asks first. */
export function definitionsFor(vendor: Vendor): Definitions {
  const known = assembled.get(vendor);
  if (known !== undefined) return known;
  const definitions = assemble(vendor);
  assembled.set(vendor, definitions);
  return definitions;
}
