/**
 * Exception KvmDecides: bits that KVM sets whatever the CPUID instruction says, so a raw dump without one is no
 * observation of a host without it. Read in Linux 6.14: arch/x86/kvm/cpuid.c (kvm_set_cpu_caps with its EMULATED_F and
 * SYNTHESIZED_F, and __do_cpuid_func), svm/svm.c (svm_set_cpu_caps), vmx/vmx.c (vmx_set_cpu_caps) and x86.c
 * (kvm_get_arch_capabilities). What KVM only takes away is not here: who has it raw may still not get it.
 */
import { U64_MAX } from '../model/numbers.ts';
import type { Register } from '../model/registers.ts';
import type { CpuidEntry, SnapshotSource } from '../model/snapshot.ts';
import { ALL, ARCH_CAPABILITIES, bitsIn, byRegister, isHypervisorLeaf, isVmxMsr } from './exceptions.ts';

const bits = (...numbers: readonly number[]): number =>
  numbers.reduce((word, bit) => (word | (1 << bit)) >>> 0, 0);

const KVM_DECIDES = byRegister([
  // EMULATED_F: X2APIC, TSC_DEADLINE_TIMER, HYPERVISOR.
  { leaf: 0x1, register: 'ecx', bits: bits(21, 24, 31) },
  // APIC follows IA32_APIC_BASE[11] where the instruction is run (SDM vol. 3A, 11.4.3); a vCPU has its own.
  { leaf: 0x1, register: 'edx', bits: bits(9) },
  // ARAT: __do_cpuid_func, case 6.
  { leaf: 0x6, register: 'eax', bits: bits(2) },
  // EMULATED_F: TSC_ADJUST.
  { leaf: 0x7, subleaf: 0, register: 'ebx', bits: bits(1) },
  // UMIP: vmx_set_cpu_caps, where descriptor-table exits emulate it.
  { leaf: 0x7, subleaf: 0, register: 'ecx', bits: bits(2) },
  // SPEC_CTRL, INTEL_STIBP and SPEC_CTRL_SSBD from AMD's bits; EMULATED_F: ARCH_CAPABILITIES.
  { leaf: 0x7, subleaf: 0, register: 'edx', bits: bits(26, 27, 29, 31) },
  // __do_cpuid_func, case 0x80000000: raised to 0x80000021, where KVM has something to say itself.
  { leaf: 0x8000_0000, register: 'eax', bits: ALL },
  // SYSCALL reads 0 outside 64-bit mode on Intel (SDM vol. 2A, CPUID), where dumping programs often run. GBPAGES: set without TDP.
  { leaf: 0x8000_0001, register: 'edx', bits: bits(11, 26) },
  // AMD's IBPB, IBRS, STIBP, SSBD, VIRT_SSBD, SSB_NO and IBPB_RET, from whatever the kernel knows of the CPU.
  { leaf: 0x8000_0008, register: 'ebx', bits: bits(12, 14, 15, 24, 25, 26, 30) },
  // svm_set_cpu_caps: VMCBCLEAN, FLUSHBYASID, SVME_ADDR_CHK.
  { leaf: 0x8000_000a, register: 'edx', bits: bits(5, 6, 28) },
  // SYNTHESIZED_F: LFENCE_RDTSC, VERW_CLEAR (6.16), SBPB, IBPB_BRTYPE, SRSO_NO. EMULATED_F: NO_SMM_CTL_MSR. NULL_SEL_CLR_BASE.
  { leaf: 0x8000_0021, register: 'eax', bits: bits(2, 5, 6, 9, 27, 28, 29) },
  // SYNTHESIZED_F (6.16): TSA_SQ_NO, TSA_L1_NO.
  { leaf: 0x8000_0021, register: 'ecx', bits: bits(1, 2) },
]);

/**
 * The bits of IA32_ARCH_CAPABILITIES that KVM passes on as they are: IBRS_ALL, RSBA, TSX_CTRL, SBDR_SSDP_NO, FBSDP_NO,
 * PSDP_NO, FB_CLEAR, RRSBA, BHI_NO, PBRSB_NO, RFDS_CLEAR. Of the rest of KVM_SUPPORTED_ARCH_CAP it sets RDCL_NO,
 * SKIP_VMENTRY_L1DFLUSH, SSB_NO, MDS_NO, PSCHANGE_MC_NO, GDS_NO and RFDS_NO itself, and sets or clears TAA_NO.
 */
const PASSED_ARCH_CAPABILITIES = [1n, 2n, 7n, 13n, 14n, 15n, 17n, 19n, 20n, 24n, 28n].reduce(
  (word, bit) => word | (1n << bit),
  0n,
);

/** The bits of a CPUID register that an observation from `source` cannot show to be missing. */
export function notTold32(source: SnapshotSource, leaf: number, subleaf: number, register: Register): number {
  if (source !== 'raw') return 0;
  return isHypervisorLeaf(leaf) ? ALL : bitsIn(KVM_DECIDES, leaf, subleaf, register);
}

/** The same for an MSR. KVM makes up the VMX MSRs itself: only its own complete answer counts for them. */
export function notTold64(source: SnapshotSource, partial: boolean, index: number): bigint {
  if (isVmxMsr(index) && (source !== 'kvm' || partial)) return U64_MAX;
  return source === 'raw' && index === ARCH_CAPABILITIES ? ~PASSED_ARCH_CAPABILITIES & U64_MAX : 0n;
}

/**
 * XstateNotRecorded: dumping programs leave the description of an XSAVE component out as zeros although XCR0 has it
 * (the size in 0xd.0 ECX counts it), so zeros there are no observation. Only KVM's own answer counts.
 */
export const xstateNotRecorded = (source: SnapshotSource, { leaf, subleaf, eax, ebx }: CpuidEntry): boolean =>
  source !== 'kvm' && leaf === 0xd && subleaf >= 2 && eax === 0 && ebx === 0;
