/** Which CPUID entries carry KVM_CPUID_FLAG_SIGNIFCANT_INDEX: without it KVM answers a leaf alike for every subleaf. */
import type { CpuidAdjustment } from '../model/profile.ts';

export const SIGNIFICANT_INDEX = 1;

/** Leaves with subleaves; Linux arch/x86/kvm/cpuid.c, do_host_cpuid and cpuid_function_is_indexed. */
const INDEXED_LEAVES: ReadonlySet<number> = new Set([
  0x4, 0x7, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1d, 0x1e, 0x1f, 0x23, 0x24, 0x8000_001d,
]);

/** The `flags` of the kvm_cpuid_entry2 for an entry; a subleaf other than 0 is significant in any leaf. */
export const entryFlags = (entry: Pick<CpuidAdjustment, 'leaf' | 'subleaf' | 'lastSubleaf'>): 0 | 1 =>
  INDEXED_LEAVES.has(entry.leaf) || entry.subleaf !== 0 || entry.lastSubleaf !== 0 ? SIGNIFICANT_INDEX : 0;
