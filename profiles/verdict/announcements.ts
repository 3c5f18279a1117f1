/**
 * Bits that announce MSRs which no profile permits. Whoever sees the bit set may use the MSR and fault, so generation
 * forces the bit to 0 and lint warns of hand-written profiles. Intel SDM vol. 4, table 2-2, and vol. 2A, CPUID.
 */
import type { CpuidBit } from '../definitions/types.ts';
import type { Vendor } from '../model/registers.ts';

export interface Announcement {
  /** A CPUID bit, or a bit of IA32_ARCH_CAPABILITIES. */
  readonly by: CpuidBit | { readonly archCapability: number };
  readonly name: string;
  /** The MSRs, as a reader would write them. */
  readonly msrs: string;
  /** Absent: both vendors. */
  readonly vendor?: Vendor;
}

const cpuid = (leaf: number, subleaf: number, register: CpuidBit['register'], bit: number): CpuidBit => ({
  leaf,
  subleaf,
  register,
  bit,
});

export const ANNOUNCED_AND_DENIED: readonly Announcement[] = [
  { by: cpuid(0x1, 0, 'ecx', 15), name: 'IA32_PERF_CAPABILITIES', msrs: '0x345' },
  { by: cpuid(0x7, 0, 'ecx', 5), name: 'IA32_UMWAIT_CONTROL', msrs: '0xe1' },
  { by: cpuid(0x7, 0, 'ecx', 7), name: 'CET shadow stacks', msrs: '0x6a0, 0x6a2, 0x6a4-0x6a8' },
  { by: cpuid(0x7, 0, 'edx', 20), name: 'CET indirect branch tracking', msrs: '0x6a0, 0x6a2' },
  { by: cpuid(0x7, 0, 'ecx', 24), name: 'bus lock detection', msrs: '0x1d9' },
  { by: cpuid(0x7, 0, 'edx', 15), name: 'hybrid CPU type', msrs: '0x1a' },
  { by: cpuid(0x7, 0, 'edx', 30), name: 'IA32_CORE_CAPABILITIES', msrs: '0xcf' },
  { by: cpuid(0x7, 1, 'eax', 17), name: 'FRED', msrs: '0x1cc-0x1d4' },
  { by: cpuid(0x7, 2, 'edx', 6), name: 'UC-lock disable', msrs: '0x33' },
  { by: cpuid(0x7, 0, 'edx', 29), name: 'IA32_ARCH_CAPABILITIES', msrs: '0x10a', vendor: 'amd' },
  { by: { archCapability: 7 }, name: 'IA32_TSX_CTRL', msrs: '0x122', vendor: 'intel' },
  { by: { archCapability: 9 }, name: 'IA32_MCU_CONTROL', msrs: '0x1406', vendor: 'intel' },
  { by: { archCapability: 12 }, name: 'IA32_UARCH_MISC_CTL', msrs: '0x1b01', vendor: 'intel' },
  { by: { archCapability: 18 }, name: 'FB_CLEAR_CTRL in IA32_MCU_OPT_CTRL', msrs: '0x123', vendor: 'intel' },
  { by: { archCapability: 21 }, name: 'IA32_XAPIC_DISABLE_STATUS', msrs: '0xbd', vendor: 'intel' },
  { by: { archCapability: 23 }, name: 'IA32_OVERCLOCKING_STATUS', msrs: '0x195', vendor: 'intel' },
  { by: { archCapability: 25 }, name: 'GDS_MITG_DIS in IA32_MCU_OPT_CTRL', msrs: '0x123', vendor: 'intel' },
  { by: { archCapability: 32 }, name: 'IA32_PBOPT_CTRL', msrs: '0xbf', vendor: 'intel' },
];
