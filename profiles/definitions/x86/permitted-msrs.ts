/**
 * Architectural MSRs that guests of both vendors may reach. The x2APIC ones (0x800-0x8ff) are listed for completeness:
 * KVM never filters them. SDM vol. 4, table 2-2.
 */
import type { PermittedMsr } from '../types.ts';
import { bit, permitted, type Table } from '../rows.ts';

export const X86_PERMITTED_MSRS: Table<PermittedMsr> = {
  title: 'MSRs permitted to guests of both vendors',
  source: 'Cyberus Cloud Hypervisor fork; Intel SDM vol. 4, table 2-2; Linux arch/x86/kvm/x86.c and mtrr.c',
  rows: permitted([
    [0x10, 'IA32_TIME_STAMP_COUNTER', 'rw'],
    [0x1b, 'IA32_APIC_BASE', 'rw'],
    [0x3b, 'IA32_TSC_ADJUST', 'rw', [bit(0x7, 0, 'ebx', 1)]],
    [0xfe, 'IA32_MTRRCAP', 'r'],
    [0x174, 'IA32_SYSENTER_CS', 'rw'],
    [0x175, 'IA32_SYSENTER_ESP', 'rw'],
    [0x176, 'IA32_SYSENTER_EIP', 'rw'],
    [[0x200, 0x213], 'IA32_MTRR_PHYSBASEn_PHYSMASKn', 'rw'],
    [0x250, 'IA32_MTRR_FIX64K_00000', 'rw', [bit(0x1, 0, 'edx', 12)]],
    [[0x258, 0x259], 'IA32_MTRR_FIX16K', 'rw', [bit(0x1, 0, 'edx', 12)]],
    [[0x268, 0x26f], 'IA32_MTRR_FIX4K', 'rw', [bit(0x1, 0, 'edx', 12)]],
    [0x277, 'IA32_PAT', 'rw', [bit(0x1, 0, 'edx', 16)]],
    [0x2ff, 'IA32_MTRR_DEF_TYPE', 'rw'],
    [[0x400, 0x47f], 'IA32_MCn_CTL_STATUS_ADDR_MISC', 'rw'],
    [0x802, 'IA32_X2APIC_APICID', 'r'],
    [0x803, 'IA32_X2APIC_VERSION', 'r'],
    [0x808, 'IA32_X2APIC_TPR', 'rw'],
    [0x80a, 'IA32_X2APIC_PPR', 'r'],
    [0x80b, 'IA32_X2APIC_EOI', 'w'],
    [0x80d, 'IA32_X2APIC_LDR', 'r'],
    [0x80f, 'IA32_X2APIC_SIVR', 'rw'],
    [[0x810, 0x817], 'IA32_X2APIC_ISRn', 'r'],
    [[0x818, 0x81f], 'IA32_X2APIC_TMRn', 'r'],
    [[0x820, 0x827], 'IA32_X2APIC_IRRn', 'r'],
    [0x828, 'IA32_X2APIC_ESR', 'rw'],
    [0x82f, 'IA32_X2APIC_LVT_CMCI', 'rw'],
    [0x830, 'IA32_X2APIC_ICR', 'rw'],
    [0x832, 'IA32_X2APIC_LVT_TIMER', 'rw'],
    [0x833, 'IA32_X2APIC_LVT_THERMAL', 'rw'],
    [0x834, 'IA32_X2APIC_LVT_PMI', 'rw'],
    [[0x835, 0x836], 'IA32_X2APIC_LVT_LINTn', 'rw'],
    [0x837, 'IA32_X2APIC_LVT_ERROR', 'rw'],
    [0x838, 'IA32_X2APIC_INIT_COUNT', 'rw'],
    [0x839, 'IA32_X2APIC_CUR_COUNT', 'r'],
    [0x83e, 'IA32_X2APIC_DIV_CONF', 'rw'],
    [0x83f, 'IA32_X2APIC_SELF_IPI', 'w'],
  ]),
};
