/**
 * The three KVM structures of variable length a probe needs, as bytes. Little endian, no padding beyond what is named.
 * Source: Linux arch/x86/include/uapi/asm/kvm.h (kvm_cpuid2, kvm_cpuid_entry2, kvm_msr_list, kvm_msrs, kvm_msr_entry).
 */
import type { CpuidEntry, MsrValue } from '../../profiles/model/snapshot.ts';

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** struct kvm_cpuid2: u32 nent, u32 padding; entries of 40 bytes: function, index, flags, eax, ebx, ecx, edx, 3 x padding. */
const CPUID_HEADER = 8;
const CPUID_ENTRY = 40;

/** Room for `entries` CPUID entries, with nent set to it. */
export function cpuidBuffer(entries: number): Uint8Array {
  const bytes = new Uint8Array(CPUID_HEADER + CPUID_ENTRY * entries);
  view(bytes).setUint32(0, entries, true);
  return bytes;
}

/** The entries KVM wrote. Throws a RangeError when nent is more than the buffer holds. */
export function decodeCpuid(bytes: Uint8Array): CpuidEntry[] {
  const data = view(bytes);
  return Array.from({ length: data.getUint32(0, true) }, (_, i) => {
    const word = (n: number): number => data.getUint32(CPUID_HEADER + CPUID_ENTRY * i + 4 * n, true);
    // Word 2 holds the flags: whether the subleaf counts. A snapshot names the subleaf in any case.
    return { leaf: word(0), subleaf: word(1), eax: word(3), ebx: word(4), ecx: word(5), edx: word(6) };
  });
}

/** struct kvm_msr_list: u32 nmsrs, then u32 indices. */
export function msrListBuffer(indices: number): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * indices);
  view(bytes).setUint32(0, indices, true);
  return bytes;
}

/** nmsrs: how many indices KVM wrote, or, after E2BIG, how many it has. */
export const msrListLength = (bytes: Uint8Array): number => view(bytes).getUint32(0, true);

/** The indices KVM wrote. Throws a RangeError when nmsrs is more than the buffer holds. */
export function decodeMsrList(bytes: Uint8Array): number[] {
  const data = view(bytes);
  return Array.from({ length: data.getUint32(0, true) }, (_, i) => data.getUint32(4 + 4 * i, true));
}

/** struct kvm_msrs: u32 nmsrs, u32 padding; entries of 16 bytes: u32 index, u32 reserved, u64 data. */
const MSRS_HEADER = 8;
const MSRS_ENTRY = 16;

export function encodeMsrs(msrs: readonly MsrValue[]): Uint8Array {
  const bytes = new Uint8Array(MSRS_HEADER + MSRS_ENTRY * msrs.length);
  const data = view(bytes);
  data.setUint32(0, msrs.length, true);
  msrs.forEach((msr, i) => {
    data.setUint32(MSRS_HEADER + MSRS_ENTRY * i, msr.index, true);
    data.setBigUint64(MSRS_HEADER + MSRS_ENTRY * i + 8, msr.value, true);
  });
  return bytes;
}

export function decodeMsrs(bytes: Uint8Array): MsrValue[] {
  const data = view(bytes);
  return Array.from({ length: data.getUint32(0, true) }, (_, i) => ({
    index: data.getUint32(MSRS_HEADER + MSRS_ENTRY * i, true),
    value: data.getBigUint64(MSRS_HEADER + MSRS_ENTRY * i + 8, true),
  }));
}
