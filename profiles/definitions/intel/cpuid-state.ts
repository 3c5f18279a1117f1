/** Intel CPUID leaves 0x9 to 0xd: direct cache access, counters, topology, XSAVE state. SDM vol. 2A, table 3-17. */
import type { CpuidDefinition } from '../types.ts';
import { ALL_SUBLEAVES, cpuid, type Table } from '../rows.ts';

export const INTEL_CPUID_STATE: Table<CpuidDefinition> = {
  title: 'Intel CPUID, leaves 0x9 to 0xd',
  source: 'x86-cpuid-db (names, bits); Cyberus Cloud Hypervisor fork (policies); Intel SDM vol. 2A, CPUID',
  rows: [
    cpuid(0x9, 0, 'eax', [[[0, 31], 'dca_cap_msr_value', 0, 'subset', 'isa']]),
    cpuid(0xa, 0, 'eax', [
      [[0, 7], 'pmu_version', 0, 'subset', 'isa'],
      [[8, 15], 'pmu_n_gcounters', 0, 'subset', 'isa'],
      [[16, 23], 'pmu_gcounters_nbits', 0, 'subset', 'isa'],
      [[24, 31], 'pmu_cpuid_ebx_bits', 0, 'subset', 'isa'],
    ]),
    cpuid(0xa, 0, 'ebx', [
      [0, 'no_core_cycle_evt', 0, 'subset', 'isa'],
      [1, 'no_insn_retired_evt', 0, 'subset', 'isa'],
      [2, 'no_refcycle_evt', 0, 'subset', 'isa'],
      [3, 'no_llc_ref_evt', 0, 'subset', 'isa'],
      [4, 'no_llc_miss_evt', 0, 'subset', 'isa'],
      [5, 'no_br_insn_ret_evt', 0, 'subset', 'isa'],
      [6, 'no_br_mispredict_evt', 0, 'subset', 'isa'],
      [7, 'no_td_slots_evt', 0, 'subset', 'isa'],
    ]),
    cpuid(0xa, 0, 'ecx', [[[0, 31], 'pmu_fcounters_bitmap', 0, 'subset', 'isa']]),
    cpuid(0xa, 0, 'edx', [
      [[0, 4], 'pmu_n_fcounters', 0, 'subset', 'isa'],
      [[5, 12], 'pmu_fcounters_nbits', 0, 'subset', 'isa'],
      [15, 'anythread_depr', 0, 'subset', 'isa'],
    ]),
    cpuid(0xb, ALL_SUBLEAVES, 'eax', [[[0, 4], 'x2apic_id_shift', 'passthrough', 'ignore', 'topology']]),
    cpuid(0xb, ALL_SUBLEAVES, 'ebx', [[[0, 15], 'domain_lcpus_count', 'passthrough', 'ignore', 'topology']]),
    cpuid(0xb, ALL_SUBLEAVES, 'ecx', [
      [[0, 7], 'domain_nr', 'passthrough', 'ignore', 'topology'],
      [[8, 15], 'domain_type', 'passthrough', 'ignore', 'topology'],
    ]),
    cpuid(0xb, ALL_SUBLEAVES, 'edx', [[[0, 31], 'x2apic_id', 'passthrough', 'ignore', 'topology']]),
    cpuid(0xd, 0, 'eax', [
      [0, 'xcr0_x87', 'inherit', 'subset', 'isa'],
      [1, 'xcr0_sse', 'inherit', 'subset', 'isa'],
      [2, 'xcr0_avx', 'inherit', 'subset', 'isa'],
      [3, 'xcr0_mpx_bndregs', 0, 'subset', 'isa'],
      [4, 'xcr0_mpx_bndcsr', 0, 'subset', 'isa'],
      [5, 'xcr0_avx512_opmask', 'inherit', 'subset', 'isa'],
      [6, 'xcr0_avx512_zmm_hi256', 'inherit', 'subset', 'isa'],
      [7, 'xcr0_avx512_hi16_zmm', 'inherit', 'subset', 'isa'],
      [8, 'xcr0_ia32_xss', 0, 'subset', 'isa'],
      [9, 'xcr0_pkru', 0, 'subset', 'isa'], // published: inherit; goes with PKU, 7.0:ECX[3], which is static 0
      [10, 'xcr0_ia32_xss_bits', 0, 'subset', 'isa'],
      [[11, 12], 'xcr0_ia32_xss_cet', 0, 'subset', 'isa'],
      [13, 'xcr0_ia32_xss_hdc', 0, 'subset', 'isa'],
      [14, 'xcr0_ia32_xss_uintr', 0, 'subset', 'isa'],
      [15, 'xcr0_ia32_xss_lbr', 0, 'subset', 'isa'],
      [16, 'xcr0_ia32_xss_bits_hwp', 0, 'subset', 'isa'],
      [17, 'xcr0_tileconfig', 'inherit', 'subset', 'isa', 'amx'],
      [18, 'xcr0_tiledata', 'inherit', 'subset', 'isa', 'amx'],
    ]),
    cpuid(0xd, 0, 'ebx', [[[0, 31], 'xsave_sz_xcr0_enabled', 'passthrough', 'ignore', 'isa']]),
    cpuid(0xd, 0, 'ecx', [[[0, 31], 'xsave_sz_max', 'passthrough', 'ignore', 'isa']]), // generation computes it from the components that are left
    cpuid(0xd, 0, 'edx', [[[0, 31], 'xcr0_upper_bits', 'inherit', 'subset', 'isa']]),
    cpuid(0xd, 1, 'eax', [
      [0, 'xsaveopt', 'inherit', 'subset', 'isa'],
      [1, 'xsavec', 'inherit', 'subset', 'isa'],
      [2, 'xgetbv1', 'inherit', 'subset', 'isa'],
      [3, 'xsaves', 'inherit', 'subset', 'isa'],
      [4, 'xfd', 'inherit', 'subset', 'isa', 'amx'],
    ]),
    cpuid(0xd, 1, 'ebx', [[[0, 31], 'xsave_sz_xcr0_xmms_enabled', 'passthrough', 'ignore', 'isa']]),
    cpuid(0xd, 1, 'ecx', [
      [[0, 7], 'xcr0_7bits', 'inherit', 'subset', 'isa'],
      [8, 'xss_pt', 0, 'subset', 'isa'],
      [9, 'xcr0_bit9', 'inherit', 'subset', 'isa'],
      [10, 'xss_pasid', 0, 'subset', 'isa'],
      [11, 'xss_cet_u', 0, 'subset', 'isa'],
      [12, 'xss_cet_p', 0, 'subset', 'isa'],
      [13, 'xss_hdc', 0, 'subset', 'isa'],
      [14, 'xss_uintr', 0, 'subset', 'isa'],
      [15, 'xss_lbr', 0, 'subset', 'isa'],
      [16, 'xss_hwp', 0, 'subset', 'isa'],
      [[17, 18], 'xcr0_bits', 'inherit', 'subset', 'isa', 'amx'],
    ]),
    cpuid(0xd, 1, 'edx', [[[0, 31], 'ia32_xss_upper', 'inherit', 'subset', 'isa']]),
    cpuid(0xd, 2, 'eax', [[[0, 31], 'xsave_sz', 'inherit', 'equal', 'isa']]),
    cpuid(0xd, 2, 'ebx', [[[0, 31], 'xsave_offset', 'inherit', 'equal', 'isa']]),
    cpuid(0xd, 2, 'ecx', [
      [0, 'is_xss_bit', 'inherit', 'subset', 'isa'],
      [1, 'compacted_xsave_64byte_aligned', 'inherit', 'subset', 'isa'],
      [2, 'xfd_faulting', 'inherit', 'subset', 'isa'],
    ]),
    cpuid(0xd, [3, 4], 'eax', [[[0, 31], 'xsave_mpx_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [3, 4], 'ebx', [[[0, 31], 'xsave_mpx_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [3, 4], 'ecx', [[[0, 31], 'xsave_mpx_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [3, 4], 'edx', [[[0, 31], 'xsave_mpx_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [5, 7], 'eax', [[[0, 31], 'xsave_sz', 'inherit', 'equal', 'isa']]),
    cpuid(0xd, [5, 7], 'ebx', [[[0, 31], 'xsave_offset', 'inherit', 'equal', 'isa']]),
    cpuid(0xd, [5, 7], 'ecx', [
      [0, 'is_xss_bit', 'inherit', 'subset', 'isa'],
      [1, 'compacted_xsave_64byte_aligned', 'inherit', 'subset', 'isa'],
      [2, 'xfd_faulting', 'inherit', 'subset', 'isa'],
    ]),
    cpuid(0xd, 8, 'eax', [[[0, 31], 'xsave_pt_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 8, 'ebx', [[[0, 31], 'xsave_pt_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 8, 'ecx', [[[0, 31], 'xsave_pt_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 8, 'edx', [[[0, 31], 'xsave_pt_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 9, 'eax', [[[0, 31], 'xsave_sz', 0, 'equal', 'isa']]), // published: inherit; no PKU, no state for it
    cpuid(0xd, 9, 'ebx', [[[0, 31], 'xsave_offset', 0, 'equal', 'isa']]), // published: inherit; no PKU, no state for it
    cpuid(0xd, 9, 'ecx', [
      [0, 'is_xss_bit', 0, 'subset', 'isa'], // published: inherit; no PKU, no state for it
      [1, 'compacted_xsave_64byte_aligned', 0, 'subset', 'isa'], // published: inherit; no PKU, no state for it
      [2, 'xfd_faulting', 0, 'subset', 'isa'], // published: inherit; no PKU, no state for it
    ]),
    cpuid(0xd, 10, 'eax', [[[0, 31], 'xsave_pasid_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 10, 'ebx', [[[0, 31], 'xsave_pasid_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 10, 'ecx', [[[0, 31], 'xsave_pasid_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 10, 'edx', [[[0, 31], 'xsave_pasid_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [11, 12], 'eax', [[[0, 31], 'xsave_cet_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [11, 12], 'ebx', [[[0, 31], 'xsave_cet_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [11, 12], 'ecx', [[[0, 31], 'xsave_cet_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [11, 12], 'edx', [[[0, 31], 'xsave_cet_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 13, 'eax', [[[0, 31], 'xsave_hdc_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 13, 'ebx', [[[0, 31], 'xsave_hdc_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 13, 'ecx', [[[0, 31], 'xsave_hdc_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 13, 'edx', [[[0, 31], 'xsave_hdc_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 14, 'eax', [[[0, 31], 'xsave_uintr_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 14, 'ebx', [[[0, 31], 'xsave_uintr_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 14, 'ecx', [[[0, 31], 'xsave_uintr_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 14, 'edx', [[[0, 31], 'xsave_uintr_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 15, 'eax', [[[0, 31], 'xsave_lbr_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 15, 'ebx', [[[0, 31], 'xsave_lbr_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 15, 'ecx', [[[0, 31], 'xsave_lbr_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 15, 'edx', [[[0, 31], 'xsave_lbr_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 16, 'eax', [[[0, 31], 'xsave_hwp_eax_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 16, 'ebx', [[[0, 31], 'xsave_hwp_ebx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 16, 'ecx', [[[0, 31], 'xsave_hwp_ecx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, 16, 'edx', [[[0, 31], 'xsave_hwp_edx_zero', 0, 'subset', 'isa']]),
    cpuid(0xd, [17, 18], 'eax', [[[0, 31], 'xsave_sz', 'inherit', 'equal', 'isa', 'amx']]),
    cpuid(0xd, [17, 18], 'ebx', [[[0, 31], 'xsave_offset', 'inherit', 'equal', 'isa', 'amx']]),
    cpuid(0xd, [17, 18], 'ecx', [
      [0, 'is_xss_bit', 'inherit', 'subset', 'isa', 'amx'],
      [1, 'compacted_xsave_64byte_aligned', 'inherit', 'subset', 'isa', 'amx'],
      [2, 'xfd_faulting', 'inherit', 'subset', 'isa', 'amx'],
    ]),
    cpuid(0xd, 19, 'eax', [[[0, 31], 'xsave_sz', 0, 'equal', 'isa']]), // published: inherit; APX state, see 7.1:EDX[21]
    cpuid(0xd, 19, 'ebx', [[[0, 31], 'xsave_offset', 0, 'equal', 'isa']]), // published: inherit; APX state, see 7.1:EDX[21]
    cpuid(0xd, 19, 'ecx', [
      [0, 'is_xss_bit', 0, 'subset', 'isa'], // published: inherit; APX state, see 7.1:EDX[21]
      [1, 'compacted_xsave_64byte_aligned', 0, 'subset', 'isa'], // published: inherit; APX state, see 7.1:EDX[21]
      [2, 'xfd_faulting', 0, 'subset', 'isa'], // published: inherit; APX state, see 7.1:EDX[21]
    ]),
    cpuid(0xd, [20, 63], 'eax', [[[0, 31], 'xsave_sz', 'inherit', 'equal', 'isa']]),
    cpuid(0xd, [20, 63], 'ebx', [[[0, 31], 'xsave_offset', 'inherit', 'equal', 'isa']]),
    cpuid(0xd, [20, 63], 'ecx', [
      [0, 'is_xss_bit', 'inherit', 'subset', 'isa'],
      [1, 'compacted_xsave_64byte_aligned', 'inherit', 'subset', 'isa'],
      [2, 'xfd_faulting', 'inherit', 'subset', 'isa'],
    ]),
  ],
};
