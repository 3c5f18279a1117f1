/**
 * What a guest kernel touches on its way up without expecting a fault. A closed filter must leave these reachable
 * even where the host's kernel is too old to name them in its index list: a #GP there is a guest that never boots.
 */
import type { CpuidBit, PermittedMsr } from '../definitions/types.ts';
import type { Vendor } from '../model/registers.ts';

const edx1 = (bit: number): CpuidBit => ({ leaf: 0x1, subleaf: 0, register: 'edx', bit });
const MTRR = edx1(12);
const MCA = edx1(14);
const PAT = edx1(16);
const LONG_MODE: CpuidBit = { leaf: 0x8000_0001, subleaf: 0, register: 'edx', bit: 29 };
/** XSAVES and XRSTORS, and with them IA32_XSS (Intel SDM vol. 1, 13.2). */
export const XSAVES: CpuidBit = { leaf: 0xd, subleaf: 1, register: 'eax', bit: 3 };

const row = (
  first: number,
  last: number,
  name: string,
  access: PermittedMsr['access'],
  ...anyOf: CpuidBit[]
): PermittedMsr => ({
  first,
  last,
  name,
  access,
  anyOf,
});

/** Both vendors. Sources: Linux arch/x86/kernel/cpu/common.c, mtrr/, mce/core.c, fpu/xstate.c, apic/apic.c. */
const COMMON: readonly PermittedMsr[] = [
  row(0x10, 0x10, 'IA32_TIME_STAMP_COUNTER', 'rw'),
  row(0x1b, 0x1b, 'IA32_APIC_BASE', 'rw'),
  row(0x8b, 0x8b, 'IA32_BIOS_SIGN_ID', 'rw'),
  row(0xfe, 0xfe, 'IA32_MTRRCAP', 'r', MTRR),
  row(0x179, 0x179, 'IA32_MCG_CAP', 'r', MCA),
  row(0x17a, 0x17a, 'IA32_MCG_STATUS', 'rw', MCA),
  row(0x200, 0x20f, 'IA32_MTRR_PHYSBASE0..IA32_MTRR_PHYSMASK7', 'rw', MTRR),
  row(0x250, 0x250, 'IA32_MTRR_FIX64K_00000', 'rw', MTRR),
  row(0x258, 0x259, 'IA32_MTRR_FIX16K_80000..IA32_MTRR_FIX16K_A0000', 'rw', MTRR),
  row(0x268, 0x26f, 'IA32_MTRR_FIX4K_C0000..IA32_MTRR_FIX4K_F8000', 'rw', MTRR),
  row(0x277, 0x277, 'IA32_PAT', 'rw', PAT),
  row(0x2ff, 0x2ff, 'IA32_MTRR_DEF_TYPE', 'rw', MTRR),
  row(0xda0, 0xda0, 'IA32_XSS', 'rw', XSAVES),
  row(0xc000_0080, 0xc000_0084, 'IA32_EFER..IA32_FMASK', 'rw', LONG_MODE),
  row(0xc000_0100, 0xc000_0102, 'IA32_FS_BASE..IA32_KERNEL_GS_BASE', 'rw', LONG_MODE),
];

/** Sources: Linux arch/x86/kernel/cpu/intel.c, feat_ctl.c; amd.c, arch/x86/pci/amd_bus.c. */
const OF_VENDOR: Readonly<Record<Vendor, readonly PermittedMsr[]>> = {
  intel: [row(0x3a, 0x3a, 'IA32_FEATURE_CONTROL', 'rw'), row(0x1a0, 0x1a0, 'IA32_MISC_ENABLE', 'rw')],
  amd: [
    row(0xc001_0010, 0xc001_0010, 'SYSCFG', 'r'),
    row(0xc001_0015, 0xc001_0015, 'HWCR', 'rw'),
    row(0xc001_1029, 0xc001_1029, 'DE_CFG', 'rw'),
  ],
};

/** The boot MSRs of a vendor with the bits that announce them; without such a bit a kernel does not look. */
export const bootMsrs = (vendor: Vendor): readonly PermittedMsr[] => [...COMMON, ...OF_VENDOR[vendor]];
