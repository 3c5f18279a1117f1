/** Which MSRs a guest may reach: the permitted, forbidden and model-specific lists as predicates. */
import { findRange } from './lookup.ts';
import type { CpuidBit, Definitions, MsrRange, PermittedMsr } from './types.ts';

/** What decides which permitted rows count under a profile. */
export interface PermittedContext {
  /** Does the profile force this CPUID bit to 0? A register it does not list is zero. */
  readonly forcedToZero: (bit: CpuidBit) => boolean;
  /** Nested virtualization is part of the profile: VMX or SVM is offered to the guest. */
  readonly nested: boolean;
  /** The profile names Hyper-V's MSRs. */
  readonly hyperv: boolean;
}

const HYPERV_ACCESS = { access: 'rw', anyOf: [], option: 'hyperv' } as const;

/**
 * The architectural, KVM and Hyper-V MSRs that a guest may reach under a profile, sorted, without overlap. Adjusted
 * feature MSRs are permitted as well and not in this list. x2APIC MSRs are: a filter has to leave them out.
 */
export function permittedFor(definitions: Definitions, context: PermittedContext): PermittedMsr[] {
  const hyperv = definitions.hyperv.map((range): PermittedMsr => ({ ...range, ...HYPERV_ACCESS }));
  return [...definitions.permitted, ...definitions.kvm, ...hyperv]
    .filter(({ option }) => option === undefined || context[option])
    .filter(({ anyOf }) => anyOf.length === 0 || anyOf.some((bit) => !context.forcedToZero(bit)))
    .sort((left, right) => left.first - right.first);
}

/** The permitted row of an MSR, whatever its condition: the architectural and KVM's. */
export const permittedRow = (definitions: Definitions, index: number): PermittedMsr | undefined =>
  findRange(definitions.permitted, index) ?? findRange(definitions.kvm, index);

/**
 * Stands in the forbidden list. A few MSRs (IA32_XSS, and those of nested SVM) stand in the permitted list too: they are
 * forbidden where the condition of their permitted row fails, so ask `permittedFor` first.
 */
export const isForbidden = (definitions: Definitions, index: number): boolean =>
  findRange(definitions.forbidden, index) !== undefined;

/** Known as model-specific and not permitted: 0x11 and 0x12, KVM's old clock, are both, and permitted wins. */
export const isNonArchitectural = (definitions: Definitions, index: number): boolean =>
  findRange(definitions.nonArchitectural, index) !== undefined &&
  permittedRow(definitions, index) === undefined;

/** Hyper-V's synthetic MSRs. */
export const isHyperV = (definitions: Definitions, index: number): boolean =>
  findRange(definitions.hyperv, index) !== undefined;

/** The MSRs that KVM's filter never covers. Linux Documentation/virt/kvm/api.rst, KVM_X86_SET_MSR_FILTER. */
export const X2APIC: MsrRange = { first: 0x800, last: 0x8ff, name: 'x2APIC' };

export const isX2Apic = (index: number): boolean => X2APIC.first <= index && index <= X2APIC.last;
