/** CPUID registers and the MSR numbers' order: the sort order that hashing and rendering rely on. */

export const REGISTERS = ['eax', 'ebx', 'ecx', 'edx'] as const;
export type Register = (typeof REGISTERS)[number];

export const VENDORS = ['intel', 'amd'] as const;
export type Vendor = (typeof VENDORS)[number];

/** The twelve bytes of leaf 0 (EBX, EDX, ECX) that name each vendor. Intel SDM vol. 2A, CPUID; AMD APM vol. 3, E.3.1. */
export const VENDOR_STRINGS: Readonly<Record<Vendor, string>> = {
  intel: 'GenuineIntel',
  amd: 'AuthenticAMD',
};

/** The vendor behind leaf 0's EBX, ECX and EDX, or `undefined` for any other maker. */
export function vendorOf(ebx: number, ecx: number, edx: number): Vendor | undefined {
  const text = [ebx, edx, ecx].map((word) => String.fromCharCode(...littleEndian(word))).join('');
  return VENDORS.find((vendor) => VENDOR_STRINGS[vendor] === text);
}

/** The four bytes of a register, lowest first. */
export const littleEndian = (word: number): number[] =>
  [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff);

/** One CPUID register: `leaf` and `subleaf` are 32-bit numbers. */
export interface CpuidPlace {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
}

const REGISTER_ORDER: Readonly<Record<Register, number>> = { eax: 0, ebx: 1, ecx: 2, edx: 3 };

/** A leaf's register as one number, rising in the order of leaves and registers. */
export const registerKey = (leaf: number, register: Register): number => leaf * 4 + REGISTER_ORDER[register];

/** Orders by leaf, subleaf and EAX, EBX, ECX, EDX, numerically. */
export const compareCpuidPlaces = (left: CpuidPlace, right: CpuidPlace): number =>
  left.leaf - right.leaf ||
  left.subleaf - right.subleaf ||
  REGISTER_ORDER[left.register] - REGISTER_ORDER[right.register];
