/**
 * KVM's own CPUID leaves, the same for guests of both vendors. Published policy of 0x40000001: passthrough. Here: inherit, since
 * a guest that started on a newer kernel must not lose a paravirtual feature on an older one. Linux virt/kvm/x86/cpuid.rst.
 */
import type { CpuidDefinition } from '../types.ts';
import { cpuid, type Table } from '../rows.ts';

export const KVM_CPUID: Table<CpuidDefinition> = {
  title: 'KVM CPUID, leaves 0x40000000 and 0x40000001',
  source: 'Linux Documentation/virt/kvm/x86/cpuid.rst and uapi/asm/kvm_para.h',
  rows: [
    cpuid(0x40000000, 0, 'eax', [[[0, 31], 'max_hypervisor_leaf', 'passthrough', 'at-most', 'paravirt']]),
    cpuid(0x40000000, 0, 'ebx', [[[0, 31], 'hypervisor_string_ebx', 'passthrough', 'equal', 'paravirt']]),
    cpuid(0x40000000, 0, 'ecx', [[[0, 31], 'hypervisor_string_ecx', 'passthrough', 'equal', 'paravirt']]),
    cpuid(0x40000000, 0, 'edx', [[[0, 31], 'hypervisor_string_edx', 'passthrough', 'equal', 'paravirt']]),
    cpuid(0x40000001, 0, 'eax', [
      [0, 'kvm_feature_clocksource', 'inherit', 'subset', 'paravirt'],
      [1, 'kvm_feature_nop_io_delay', 'inherit', 'subset', 'paravirt'],
      [2, 'kvm_feature_mmu_op', 'inherit', 'subset', 'paravirt'],
      [3, 'kvm_feature_clocksource2', 'inherit', 'subset', 'paravirt'],
      [4, 'kvm_feature_async_pf', 'inherit', 'subset', 'paravirt'],
      [5, 'kvm_feature_steal_time', 'inherit', 'subset', 'paravirt'],
      [6, 'kvm_feature_pv_eoi', 'inherit', 'subset', 'paravirt'],
      [7, 'kvm_feature_pv_unhalt', 'inherit', 'subset', 'paravirt'],
      [9, 'kvm_feature_pv_tlb_flush', 'inherit', 'subset', 'paravirt'],
      [10, 'kvm_feature_async_pf_vmexit', 'inherit', 'subset', 'paravirt'],
      [11, 'kvm_feature_pv_send_ipi', 'inherit', 'subset', 'paravirt'],
      [12, 'kvm_feature_poll_control', 'inherit', 'subset', 'paravirt'],
      [13, 'kvm_feature_pv_sched_yield', 'inherit', 'subset', 'paravirt'],
      [14, 'kvm_feature_async_pf_int', 'inherit', 'subset', 'paravirt'],
      [15, 'kvm_feature_msi_ext_dest_id', 'inherit', 'subset', 'paravirt'],
      [16, 'kvm_feature_hc_map_gpa_range', 'inherit', 'subset', 'paravirt'],
      [17, 'kvm_feature_migration_control', 'inherit', 'subset', 'paravirt'],
      [24, 'kvm_feature_clocksource_stable_bit', 'inherit', 'subset', 'paravirt'],
    ]),
    cpuid(0x40000001, 0, 'edx', [[0, 'kvm_hints_realtime', 'inherit', 'subset', 'paravirt']]),
  ],
};
