/** Architectural MSRs that only Intel guests may reach, or under other conditions than AMD guests. SDM vol. 4, table 2-2. */
import type { PermittedMsr } from '../types.ts';
import { bit, permitted, type Table } from '../rows.ts';

export const INTEL_PERMITTED_MSRS: Table<PermittedMsr> = {
  title: 'MSRs permitted to Intel guests',
  source: 'Cyberus Cloud Hypervisor fork; Intel SDM vol. 4, table 2-2',
  rows: permitted([
    [0x2f, 'IA32_BARRIER', 'r', [bit(0x7, 1, 'eax', 27)]],
    [0x3a, 'IA32_FEATURE_CONTROL', 'rw'],
    [0x48, 'IA32_SPEC_CTRL', 'rw', [bit(0x7, 0, 'edx', 26)]],
    [0x49, 'IA32_PRED_CMD', 'w', [bit(0x7, 0, 'edx', 26)]],
    [0x83, 'IA32_FZM_DOMAIN_CONFIG', 'r'],
    [0x84, 'IA32_FZM_RANGE_STARTADDR', 'r'],
    [0x85, 'IA32_FZM_RANGE_ENDADDR', 'r'],
    [0x86, 'IA32_FZM_RANGE_WRITESTATUS', 'r'],
    [0x9b, 'IA32_SMM_MONITOR_CTL', 'rw', [bit(0x1, 0, 'ecx', 5)]],
    [0x10b, 'IA32_FLUSH_CMD', 'w', [bit(0x7, 0, 'edx', 28)]],
    [0x123, 'IA32_MCU_OPT_CTRL', 'rw', [bit(0x7, 0, 'edx', 9)]],
    [0x179, 'IA32_MCG_CAP', 'r'],
    [0x17a, 'IA32_MCG_STATUS', 'rw'],
    [0x1a0, 'IA32_MISC_ENABLE', 'rw'],
    [0x1c4, 'IA32_XFD', 'rw', [bit(0xd, 1, 'eax', 4)]], // published without a condition; only XFD hosts list it
    [0x1c5, 'IA32_XFD_ERR', 'rw', [bit(0xd, 1, 'eax', 4)]], // published without a condition; only XFD hosts list it
    [0x1f8, 'IA32_PLATFORM_DCA_CAP', 'r', [bit(0x1, 0, 'ecx', 18)]],
    [0x1f9, 'IA32_CPU_DCA_CAP', 'r', [bit(0x1, 0, 'ecx', 18)]],
    [0x1fa, 'IA32_DCA_0_CAP', 'rw', [bit(0x1, 0, 'ecx', 18)]],
    [0x6e0, 'IA32_TSC_DEADLINE', 'rw', [bit(0x1, 0, 'ecx', 24)]],
    [0x7a5, 'IA32_MCU_STAGING_MBOX_ADDR', 'r'],
    [0xda0, 'IA32_XSS', 'rw', [bit(0xd, 1, 'eax', 3)]], // published: forbidden; with XSAVES a Linux guest writes 0 to it at boot
    [0xc0000080, 'IA32_EFER', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000081, 'IA32_STAR', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000082, 'IA32_LSTAR', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000083, 'IA32_CSTAR', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000084, 'IA32_FMASK', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000100, 'IA32_FS_BASE', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000101, 'IA32_GS_BASE', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000102, 'IA32_KERNEL_GS_BASE', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000103, 'IA32_TSC_AUX', 'rw', [bit(0x7, 0, 'ecx', 22), bit(0x80000001, 0, 'edx', 27)]], // RDPID or RDTSCP
  ]),
};
