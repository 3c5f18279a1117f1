/**
 * KVM answers KVM_GET_SUPPORTED_CPUID on whichever CPU the thread runs, and some registers hold that CPU's own ids.
 * They say nothing about what a guest gets, so they are zeroed before snapshots are compared, hashed or stored.
 */
import { and32 } from './numbers.ts';
import type { CpuidEntry } from './snapshot.ts';

/**
 * The bits that name a CPU instead of describing it, cleared:
 * leaf 1 EBX[31:24] initial APIC id; EDX of 0xb and 0x1f x2APIC id (Intel SDM vol. 2A, CPUID), and of 0x80000026;
 * 0x8000001e EAX extended APIC id, EBX[7:0] core id, ECX[7:0] node id (AMD APM vol. 3, E.4).
 */
export function zeroPerCpuIds(entry: CpuidEntry): CpuidEntry {
  switch (entry.leaf) {
    case 0x1:
      return { ...entry, ebx: and32(entry.ebx, 0x00ff_ffff) };
    case 0xb:
    case 0x1f:
    case 0x8000_0026:
      return { ...entry, edx: 0 };
    case 0x8000_001e:
      return { ...entry, eax: 0, ebx: and32(entry.ebx, 0xffff_ff00), ecx: and32(entry.ecx, 0xffff_ff00) };
    default:
      return entry;
  }
}
