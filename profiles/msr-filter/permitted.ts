/**
 * Which MSRs a guest under a profile may touch, and how. The rule (Cyberus Cloud Hypervisor fork, with access added):
 * adjusted feature MSRs, the VMX capability MSRs that KVM reports and refuses to set, KVM's own, Hyper-V's when
 * the profile requires one of them, every listed architectural MSR whose announcing CPUID bit the profile can show,
 * and what a guest kernel needs to boot (boot.ts).
 * Forbidden MSRs are never in it. Neither are the x2APIC ones: no filter reaches them.
 */
import { findRange } from '../definitions/lookup.ts';
import type { CpuidBit, Definitions, MsrRange, PermittedMsr } from '../definitions/types.ts';
import type { ProfileData } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { bootMsrs, XSAVES } from './boot.ts';

export type Access = 'r' | 'w' | 'rw';

/** MSR index -> access, in rising order of the index. */
export type PermittedMsrs = ReadonlyMap<number, Access>;

/** What decides: the vendor and the data. The filter mode has no part in it. */
export interface ProfileContent {
  readonly vendor: Vendor;
  readonly data: ProfileData;
}

/** KVM never filters these (Linux, kvm_msr_allowed in arch/x86/kvm/x86.c), whatever the ranges say. */
export const X2APIC_FIRST = 0x800;
export const X2APIC_LAST = 0x8ff;
export const isX2apic = (index: number): boolean => index >= X2APIC_FIRST && index <= X2APIC_LAST;

/**
 * IA32_XSS stands in the forbidden tables because no supervisor state component is offered. Where XSAVES is
 * offered a Linux guest writes 0 to it during boot, so a denial would be a #GP in every guest.
 */
export const IA32_XSS = 0xda0;

/** The bit that says nested virtualization: CPUID.1:ECX[5] VMX (Intel SDM vol. 3C, 25.6), 80000001:ECX[2] SVM (AMD APM vol. 2, 15.4). */
const NESTING: Readonly<Record<Vendor, CpuidBit>> = {
  intel: { leaf: 0x1, subleaf: 0, register: 'ecx', bit: 5 },
  amd: { leaf: 0x8000_0001, subleaf: 0, register: 'ecx', bit: 2 },
};

/** VMX capability MSRs, 0x480 to 0x493 (Intel SDM vol. 3D, appendix A). */
export const isVmxCapability = (index: number): boolean => index >= 0x480 && index <= 0x493;

/**
 * Feature MSRs a guest may also write. The microcode revision is written 0 before it is read (Intel SDM vol. 3A,
 * 11.11.7.1), DE_CFG takes the LFENCE bit (Linux arch/x86/kernel/cpu/amd.c). All others only enumerate.
 */
const WRITABLE_FEATURE_MSRS: ReadonlySet<number> = new Set([0x8b, 0xc001_1029]);

/** Does the profile leave a way for `bit` to be 1: fixed to 1, or taken from the host? A register it does not list is 0. */
export function canBeOne(data: ProfileData, bit: CpuidBit): boolean {
  const entry = adjustmentAt(data, bit.leaf, bit.subleaf, bit.register);
  return entry !== undefined && (((entry.mask | entry.value) >>> bit.bit) & 1) === 1;
}

/** Does the profile show guests VMX or SVM? */
export const showsNesting = ({ vendor, data }: ProfileContent): boolean => canBeOne(data, NESTING[vendor]);

/** Does the profile require any of Hyper-V's MSRs? Nothing else in it says that the enlightenments are on. */
export const showsHyperv = (data: ProfileData, definitions: Definitions): boolean =>
  data.requiredMsrs.some((index) => contains(definitions.hyperv, index));

export function contains(ranges: readonly MsrRange[], index: number): boolean {
  for (const range of ranges) if (range.first <= index && index <= range.last) return true;
  return false;
}

/**
 * The MSRs `profile` permits with their access, rising by index. A required MSR is permitted also where its
 * announcing bit is off; a forbidden one is not, even when required.
 */
export function permittedMsrs(profile: ProfileContent, definitions: Definitions): PermittedMsrs {
  const { data } = profile;
  const options = { nested: showsNesting(profile), hyperv: showsHyperv(data, definitions) };
  const offered = (row: PermittedMsr): boolean =>
    (row.option === undefined || options[row.option]) &&
    (row.anyOf.length === 0 || row.anyOf.some((bit) => canBeOne(data, bit)));
  const forbidden = merged(forbiddenMsrs(profile, definitions));
  const rows = [...definitions.permitted, ...definitions.kvm, ...bootMsrs(profile.vendor)];

  const result = new Map<number, Access>();
  const permit = (index: number, access: Access): void => {
    if (isX2apic(index) || findRange(forbidden, index) !== undefined) return;
    const known = result.get(index);
    result.set(index, known === undefined || known === access ? access : 'rw');
  };
  for (const row of rows.filter(offered)) {
    for (let index = row.first; index <= row.last; index += 1) permit(index, row.access);
  }
  for (const { index } of data.featureMsrs) permit(index, WRITABLE_FEATURE_MSRS.has(index) ? 'rw' : 'r');
  if (options.nested) {
    for (const { index, use } of definitions.featureMsrs) if (use === 'required') permit(index, 'r');
  }
  if (options.hyperv) {
    for (const range of definitions.hyperv) {
      for (let index = range.first; index <= range.last; index += 1) permit(index, 'rw');
    }
  }
  for (const index of data.requiredMsrs) {
    if (!result.has(index)) permit(index, listedAccess(rows, index) ?? (isVmxCapability(index) ? 'r' : 'rw'));
  }
  return new Map([...result].sort(([left], [right]) => left - right));
}

const listedAccess = (rows: readonly PermittedMsr[], index: number): Access | undefined =>
  rows.find((row) => row.first <= index && index <= row.last)?.access;

/**
 * What `profile` must keep from its guests whatever it requires: the forbidden table (IA32_XSS apart where XSAVES is
 * offered), feature MSRs that are denied as a whole, and with nesting off the MSRs of VMX or SVM.
 */
export function forbiddenMsrs(profile: ProfileContent, definitions: Definitions): MsrRange[] {
  const xss = canBeOne(profile.data, XSAVES);
  const nested = showsNesting(profile);
  const forbidden = definitions.forbidden.flatMap((range) => (xss ? without(range, IA32_XSS) : [range]));
  const denied = definitions.featureMsrs.filter(
    ({ index, use }) => use === 'deny' || (!nested && isVmxCapability(index)),
  );
  const nestedOnly = nested ? [] : definitions.permitted.filter((row) => row.option === 'nested');
  return [
    ...forbidden,
    ...denied.map(({ index, name }) => ({ first: index, last: index, name })),
    ...nestedOnly.map(({ first, last, name }) => ({ first, last, name })),
  ];
}

/** The same numbers as rising ranges without overlap, for a binary search; of names that meet, one is kept. */
export function merged(ranges: readonly MsrRange[]): MsrRange[] {
  const result: MsrRange[] = [];
  for (const range of ranges.toSorted((left, right) => left.first - right.first)) {
    const last = result.at(-1);
    if (last === undefined || last.last < range.first) result.push(range);
    else if (last.last < range.last) result[result.length - 1] = { ...last, last: range.last };
  }
  return result;
}

/** `range` with `index` cut out. */
function without(range: MsrRange, index: number): MsrRange[] {
  if (index < range.first || index > range.last) return [range];
  return [
    { ...range, last: index - 1 },
    { ...range, first: index + 1 },
  ].filter(({ first, last }) => first <= last);
}
