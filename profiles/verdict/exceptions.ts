/**
 * What no row of the tables can express: the named exceptions of the comparison. Each stands here once, and
 * everything that compares, applies, generates or lints reads it from here.
 */
import { registerKey, type Register, type Vendor } from '../model/registers.ts';

export interface Bits {
  readonly leaf: number;
  /** Absent: every subleaf. */
  readonly subleaf?: number;
  readonly register: Register;
  readonly bits: number;
}

export const ALL = 0xffff_ffff;
const wholeLeaf = (leaf: number): Bits[] =>
  (['eax', 'ebx', 'ecx', 'edx'] as const).map((register) => ({ leaf, register, bits: ALL }));

/**
 * WrittenLater: fields that the VMM or KVM writes for each VM or vCPU after the profile was applied, so what the
 * host shows there says nothing about whether it can run the guest. Topology, APIC ids, bits that follow CR4, sizes
 * that follow XCR0, the hypervisor leaves, cache and address geometry. Sources: Linux kvm_update_cpuid_runtime in
 * arch/x86/kvm/cpuid.c; Cloud Hypervisor arch/src/x86_64/mod.rs.
 */
const WRITTEN_LATER: readonly Bits[] = [
  { leaf: 0x1, register: 'ebx', bits: 0xffff_0000 },
  { leaf: 0x1, register: 'ecx', bits: (1 << 5) | (1 << 24) | (1 << 27) | (1 << 31) },
  { leaf: 0x1, register: 'edx', bits: (1 << 12) | (1 << 28) },
  { leaf: 0x4, register: 'eax', bits: 0xffff_c000 },
  ...wholeLeaf(0xb),
  ...wholeLeaf(0x1f),
  { leaf: 0x7, subleaf: 0, register: 'ecx', bits: 1 << 4 },
  { leaf: 0xd, subleaf: 0, register: 'ebx', bits: ALL },
  { leaf: 0xd, subleaf: 1, register: 'ebx', bits: ALL },
  { leaf: 0x4000_0000, register: 'eax', bits: ALL },
  { leaf: 0x4000_0001, register: 'eax', bits: 1 << 15 },
  ...wholeLeaf(0x4000_0010),
  ...wholeLeaf(0x8000_0005),
  ...wholeLeaf(0x8000_0006),
  { leaf: 0x8000_0008, register: 'eax', bits: ALL },
];

const WRITTEN_LATER_AMD: readonly Bits[] = [
  { leaf: 0x8000_0008, register: 'ecx', bits: ALL },
  ...wholeLeaf(0x8000_001d),
  ...wholeLeaf(0x8000_001e),
];

export type BitsByRegister = ReadonlyMap<number, readonly Bits[]>;

export const byRegister = (rows: readonly Bits[]): BitsByRegister =>
  Map.groupBy(rows, ({ leaf, register }) => registerKey(leaf, register));

export const bitsIn = (rows: BitsByRegister, leaf: number, subleaf: number, register: Register): number =>
  (rows.get(registerKey(leaf, register)) ?? []).reduce(
    (bits, row) => (row.subleaf === undefined || row.subleaf === subleaf ? (bits | row.bits) >>> 0 : bits),
    0,
  );

const WRITTEN_LATER_ON: Readonly<Record<Vendor, BitsByRegister>> = {
  intel: byRegister(WRITTEN_LATER),
  amd: byRegister([...WRITTEN_LATER, ...WRITTEN_LATER_AMD]),
};

/** The bits of a register that are never compared because they are written later. */
export const writtenLater = (vendor: Vendor, leaf: number, subleaf: number, register: Register): number =>
  bitsIn(WRITTEN_LATER_ON[vendor], leaf, subleaf, register);

/**
 * LargestLeaf: 0x0 and 0x80000000 EAX. What counts is the highest leaf in which the profile fixes a non-zero bit:
 * kernels cap leaf 0 at 0xd, 0x1f or 0x24 without a difference to any guest.
 */
export const LARGEST_LEAF_BASES: readonly number[] = [0x0, 0x8000_0000];

/** The block of leaves whose largest one `base` EAX tells: basic, hypervisor, extended. */
export const leafBlock = (leaf: number): number => (leaf & 0xc000_0000) >>> 0;

const HYPERVISOR_BLOCK = 0x4000_0000;

/** Whether KVM makes this leaf up as a whole: the hypervisor leaves. */
export const isHypervisorLeaf = (leaf: number): boolean => leafBlock(leaf) === HYPERVISOR_BLOCK;

/** SetRefused: KVM reports these and refuses to set them (Linux vmx_set_vmx_msr): required, never adjusted. */
export const SET_REFUSED_MSRS: readonly number[] = [0x481, 0x482, 0x483, 0x484, 0x487, 0x489];

/** The VMX capability MSRs (Intel SDM vol. 3D, appendix A). They exist for a guest only with nesting. */
export const VMX_FIRST = 0x480;
export const VMX_LAST = 0x493;
export const isVmxMsr = (index: number): boolean => index >= VMX_FIRST && index <= VMX_LAST;

/** VmxHalves: low half, controls that must be 1: superset. High half, controls that may be 1: subset. */
export const VMX_HALVES = [
  { relation: 'superset', mask: 0xffff_ffffn },
  { relation: 'subset', mask: 0xffff_ffff_0000_0000n },
] as const;

/** VMX control MSRs with the two halves: pin, processor, exit and entry controls, secondary ones, the TRUE ones. */
export const VMX_CONTROL_MSRS: readonly number[] = [
  0x481, 0x482, 0x483, 0x484, 0x48b, 0x48d, 0x48e, 0x48f, 0x490,
];

export const ARCH_CAPABILITIES = 0x10a;
export const FB_CLEAR = 1n << 17n;
// MDS_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO: with all of them there is no fill buffer left to clear.
const NOTHING_TO_CLEAR = [5n, 8n, 13n, 14n, 15n].reduce((bits, bit) => bits | (1n << bit), 0n);

/**
 * FbClearTolerated: a host without FB_CLEAR (IA32_ARCH_CAPABILITIES bit 17) is fine when that is the only bit it
 * lacks and it is immune to everything that FB_CLEAR would be used against. Answers the tolerated bits.
 */
export const toleratedArchCapabilities = (guest: bigint, host: bigint): bigint =>
  (guest & ~host) === FB_CLEAR && (host & NOTHING_TO_CLEAR) === NOTHING_TO_CLEAR ? FB_CLEAR : 0n;

/**
 * MilanSpecCtrl: Linux 6.13 and later tie 7.0:EDX[26] on AMD to IBPB_RET, so Milan loses the bit while IBRS and
 * IBPB stay announced by 0x80000008:EBX[12] and [14]. Generation fixes it to 0 there; older profiles fail on it.
 */
export const SPEC_CTRL_BIT = { leaf: 0x7, subleaf: 0, register: 'edx', bit: 26 } as const;
export const AMD_IBPB_AND_IBRS = (1 << 12) | (1 << 14);
