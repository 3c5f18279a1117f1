/**
 * The rows behind everything: generation, application, comparison, baseline, lint and explanation read the same
 * ones. A row says what a field is called, how a profile is made of it (policy) and what a host must offer (relation).
 */
import type { FindingClass, Relation } from '../model/finding.ts';
import type { Register, Vendor } from '../model/registers.ts';

/** inherit: the bits of the generating host; static: fixed everywhere; passthrough: whichever host runs the guest. */
export type Policy = 'inherit' | 'passthrough' | { readonly static: number };

export interface Field {
  /** Lowest and highest bit, inclusive. */
  readonly first: number;
  readonly last: number;
  readonly name: string;
  readonly policy: Policy;
  readonly relation: Relation;
  readonly class: FindingClass;
  /** The option without which the field is zero under a profile. */
  readonly option?: 'nested' | 'amx' | 'hyperv';
  /** true: a set bit is bad news (a defect, not a feature). */
  readonly reversed?: boolean;
}

export interface CpuidDefinition {
  readonly leaf: number;
  readonly firstSubleaf: number;
  readonly lastSubleaf: number;
  readonly register: Register;
  /** Sorted by bit, without overlap. Bits of no field are zero under a profile. */
  readonly fields: readonly Field[];
}

export interface MsrDefinition {
  readonly index: number;
  readonly name: string;
  readonly fields: readonly Field[];
  /** adjust: set by the VMM; required: KVM reports it and refuses to set it; deny: kept from guests. */
  readonly use: 'adjust' | 'required' | 'deny';
  /** How bits without a row are compared; they are always inherited. `halves`: low half superset, high half subset. */
  readonly undefinedBits: Relation | 'halves';
}

/** A condition on CPUID: `leaf.subleaf:register[bit]`. */
export interface CpuidBit {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
  readonly bit: number;
}

export interface PermittedMsr {
  readonly first: number;
  readonly last: number;
  readonly name: string;
  readonly access: 'r' | 'w' | 'rw';
  /** Permitted only while the profile does not force every one of these bits to 0. Empty: always. */
  readonly anyOf: readonly CpuidBit[];
  readonly option?: 'nested' | 'hyperv';
}

export interface MsrRange {
  readonly first: number;
  readonly last: number;
  readonly name: string;
}

/** Everything a vendor's guests can meet. Hypervisor leaves (KVM) are part of both vendors' tables. */
export interface Definitions {
  readonly vendor: Vendor;
  /** Sorted by place, without overlapping subleaf ranges of one register. */
  readonly cpuid: readonly CpuidDefinition[];
  /** Sorted by index. */
  readonly featureMsrs: readonly MsrDefinition[];
  /** Architectural MSRs a profile may permit. */
  readonly permitted: readonly PermittedMsr[];
  /** KVM's own MSRs. */
  readonly kvm: readonly PermittedMsr[];
  readonly hyperv: readonly MsrRange[];
  /** Must not be reachable under a profile. */
  readonly forbidden: readonly MsrRange[];
  /** Known model-specific ones. */
  readonly nonArchitectural: readonly MsrRange[];
}
