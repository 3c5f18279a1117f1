/** MSRs that only AMD guests may reach, or under other conditions than Intel guests. APM vol. 2, appendix A. */
import type { PermittedMsr } from '../types.ts';
import { bit, permitted, type Table } from '../rows.ts';

export const AMD_PERMITTED_MSRS: Table<PermittedMsr> = {
  title: 'MSRs permitted to AMD guests',
  source: 'Linux arch/x86/kvm/x86.c and svm/svm.c; AMD APM vol. 2, appendix A',
  rows: permitted([
    [0x48, 'SPEC_CTRL', 'rw', [bit(0x7, 0, 'edx', 26), bit(0x80000008, 0, 'ebx', 14), bit(0x80000008, 0, 'ebx', 15), bit(0x80000008, 0, 'ebx', 24)]],
    [0x49, 'PRED_CMD', 'w', [bit(0x7, 0, 'edx', 26), bit(0x80000008, 0, 'ebx', 12), bit(0x80000021, 0, 'eax', 27)]],
    [0x10b, 'FLUSH_CMD', 'w', [bit(0x7, 0, 'edx', 28)]],
    [0x179, 'MCG_CAP', 'r', [bit(0x1, 0, 'edx', 14)]],
    [0x17a, 'MCG_STATUS', 'rw', [bit(0x1, 0, 'edx', 14)]],
    [0x1a0, 'MISC_ENABLE', 'rw'],
    [0x6e0, 'TSC_DEADLINE', 'rw', [bit(0x1, 0, 'ecx', 24)]],
    [0xda0, 'XSS', 'rw', [bit(0xd, 1, 'eax', 3)]], // published: forbidden; with XSAVES a Linux guest writes 0 to it at boot
    [0xc0000080, 'EFER', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000081, 'STAR', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000082, 'LSTAR', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000083, 'CSTAR', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000084, 'SYSCALL_MASK', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000100, 'FS_BASE', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000101, 'GS_BASE', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000102, 'KERNEL_GS_BASE', 'rw', [bit(0x80000001, 0, 'edx', 29)]],
    [0xc0000103, 'TSC_AUX', 'rw', [bit(0x7, 0, 'ecx', 22), bit(0x80000001, 0, 'edx', 27)]],
    [0xc0000104, 'TSC_RATIO', 'rw', [bit(0x8000000a, 0, 'edx', 4)], 'nested'], // counts as forbidden with nesting off
    [0xc0010010, 'SYSCFG', 'r'],
    [0xc0010015, 'HWCR', 'rw'],
    [0xc001001f, 'NB_CFG', 'rw'],
    [0xc0010055, 'INT_PENDING_MSG', 'r'],
    [0xc0010058, 'MMIO_CONF_BASE', 'r'],
    [0xc0010114, 'VM_CR', 'rw', [bit(0x80000001, 0, 'ecx', 2)], 'nested'], // counts as forbidden with nesting off
    [0xc0010117, 'VM_HSAVE_PA', 'rw', [bit(0x80000001, 0, 'ecx', 2)], 'nested'], // counts as forbidden with nesting off
    [0xc001011f, 'VIRT_SPEC_CTRL', 'rw', [bit(0x80000008, 0, 'ebx', 25)]],
    [0xc0010140, 'OSVW_ID_LENGTH', 'r', [bit(0x80000001, 0, 'ecx', 9)]],
    [0xc0010141, 'OSVW_STATUS', 'r', [bit(0x80000001, 0, 'ecx', 9)]],
    [0xc0011021, 'IC_CFG', 'r'],
    [0xc0011022, 'DC_CFG', 'rw'],
    [0xc0011023, 'TW_CFG', 'rw'],
    [0xc001102a, 'BU_CFG2', 'rw'],
    [0xc001102c, 'EX_CFG', 'rw'],
  ]),
};
