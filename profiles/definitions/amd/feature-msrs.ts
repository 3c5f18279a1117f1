/** The feature MSRs that KVM reports on AMD. APM vol. 2, appendix A; Linux arch/x86/kvm/svm/svm.c and x86.c. */
import type { MsrDefinition } from '../types.ts';
import { msr, type Table } from '../rows.ts';

export const AMD_FEATURE_MSRS: Table<MsrDefinition> = {
  title: 'AMD feature MSRs',
  source: 'Linux arch/x86/kvm/x86.c and svm/svm.c; AMD APM vol. 2, appendix A',
  rows: [
    // The revision is in the low half, unlike Intel's.
    msr(0x8b, 'PATCH_LEVEL', 'adjust', 'subset', [
      [[0, 31], 'PATCH_ID', 'passthrough', 'ignore', 'identity'],
      [[32, 63], 'RESERVED_32_63', 0, 'ignore', 'identity'],
    ]),
    // CPUID faulting, emulated by KVM; no AMD guest needs it.
    msr(0xce, 'MSR_PLATFORM_INFO', 'deny', 'ignore', [[[0, 63], 'PLATFORM_INFORMATION', 'passthrough', 'ignore', 'isa']]),
    // No AMD CPU has it: KVM makes it up, with a value that depends on the kernel.
    msr(0x10a, 'IA32_ARCH_CAPABILITIES', 'deny', 'ignore', [[[0, 63], 'IA32_ARCH_CAPABILITIES', 'passthrough', 'ignore', 'mitigation']]),
    // Always 0 on AMD, where PDCM does not exist.
    msr(0x345, 'IA32_PERF_CAPABILITIES', 'deny', 'ignore', [[[0, 63], 'IA32_PERF_CAPABILITIES', 'passthrough', 'ignore', 'isa']]),
    // In no index list, so it has to be saved because it is adjusted. KVM takes bit 1 only; it goes with 80000021:EAX[2].
    msr(0xc0011029, 'DE_CFG', 'adjust', 'subset', [
      [0, 'RESERVED_0', 0, 'subset', 'mitigation'],
      [1, 'LFENCE_SERIALIZE', 'inherit', 'subset', 'mitigation'],
      [[2, 63], 'RESERVED_2_63', 0, 'subset', 'mitigation'],
    ]),
  ],
};
