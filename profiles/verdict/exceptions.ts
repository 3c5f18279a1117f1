/**
 * What no row of the tables can express: the named exceptions of the comparison. Each stands here once, and
 * everything that compares, applies, generates or lints reads it from here.
 */
import { U64_MAX } from '../model/numbers.ts';
import type { Register, Vendor } from '../model/registers.ts';
import type { CpuidEntry, SnapshotSource } from '../model/snapshot.ts';

interface Bits {
  readonly leaf: number;
  /** Absent: every subleaf. */
  readonly subleaf?: number;
  readonly register: Register;
  readonly bits: number;
}

const ALL = 0xffff_ffff;
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

const bitsIn = (rows: readonly Bits[], leaf: number, subleaf: number, register: Register): number =>
  rows.reduce(
    (bits, row) =>
      row.leaf === leaf && row.register === register && (row.subleaf === undefined || row.subleaf === subleaf)
        ? (bits | row.bits) >>> 0
        : bits,
    0,
  );

/** The bits of a register that are never compared because they are written later. */
export const writtenLater = (vendor: Vendor, leaf: number, subleaf: number, register: Register): number =>
  (bitsIn(WRITTEN_LATER, leaf, subleaf, register) |
    (vendor === 'amd' ? bitsIn(WRITTEN_LATER_AMD, leaf, subleaf, register) : 0)) >>>
  0;

/**
 * LargestLeaf: 0x0 and 0x80000000 EAX. What counts is the highest leaf in which the profile fixes a non-zero bit:
 * kernels cap leaf 0 at 0xd, 0x1f or 0x24 without a difference to any guest.
 */
export const LARGEST_LEAF_BASES: readonly number[] = [0x0, 0x8000_0000];

/** The block of leaves whose largest one `base` EAX tells: basic, hypervisor, extended. */
export const leafBlock = (leaf: number): number => (leaf & 0xc000_0000) >>> 0;

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
const FB_CLEAR = 1n << 17n;
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

/**
 * KvmDecides: bits that KVM sets, emulates or recomputes itself, so the bare CPUID instruction does not tell what
 * KVM would give. A raw dump without one is no observation of a host without it. Sources: Linux kvm_set_cpu_caps
 * and __do_cpuid_func in arch/x86/kvm/cpuid.c, kvm_get_arch_capabilities in x86.c. SYSCALL reads 0 outside 64-bit
 * mode on Intel (SDM vol. 2A, CPUID), where dumping programs often run.
 */
const KVM_DECIDES: readonly Bits[] = [
  { leaf: 0x1, register: 'ecx', bits: (1 << 21) | (1 << 24) | (1 << 27) | (1 << 31) },
  { leaf: 0x1, register: 'edx', bits: 1 << 9 },
  { leaf: 0x6, register: 'eax', bits: 1 << 2 },
  { leaf: 0x7, subleaf: 0, register: 'ebx', bits: 1 << 1 },
  { leaf: 0x7, subleaf: 0, register: 'ecx', bits: 1 << 2 },
  { leaf: 0x7, subleaf: 0, register: 'edx', bits: (1 << 26) | (1 << 27) | (1 << 29) | (1 << 31) },
  { leaf: 0x8000_0001, register: 'edx', bits: 1 << 11 },
  { leaf: 0x8000_0008, register: 'ebx', bits: (1 << 12) | (1 << 14) | (1 << 15) | (1 << 24) | (1 << 25) },
  {
    leaf: 0x8000_0021,
    register: 'eax',
    bits: (1 << 2) | (1 << 5) | (1 << 6) | (1 << 27) | (1 << 28) | (1 << 29) | (1 << 30),
  },
];
// Which bits KVM passes on as they are (the rest of KVM_SUPPORTED_ARCH_CAP); every other one it sets, clears or hides itself.
const KVM_PASSES_ARCH_CAPABILITIES = [1n, 2n, 7n, 13n, 14n, 15n, 17n, 19n, 20n, 24n, 28n].reduce(
  (bits, bit) => bits | (1n << bit),
  0n,
);

const HYPERVISOR_BLOCK = 0x4000_0000;

/** Whether KVM makes this leaf up as a whole: the hypervisor leaves. */
export const isHypervisorLeaf = (leaf: number): boolean => leafBlock(leaf) === HYPERVISOR_BLOCK;

/** The bits of a CPUID register that an observation from `source` cannot show to be missing. */
export function notTold32(source: SnapshotSource, leaf: number, subleaf: number, register: Register): number {
  if (source !== 'raw') return 0;
  return isHypervisorLeaf(leaf) ? ALL : bitsIn(KVM_DECIDES, leaf, subleaf, register);
}

/** The same for an MSR. KVM makes up the VMX MSRs itself: only its own complete answer counts for them. */
export function notTold64(source: SnapshotSource, partial: boolean, index: number): bigint {
  if (isVmxMsr(index) && (source !== 'kvm' || partial)) return U64_MAX;
  return source === 'raw' && index === ARCH_CAPABILITIES ? ~KVM_PASSES_ARCH_CAPABILITIES & U64_MAX : 0n;
}

/**
 * XstateNotRecorded: dumping programs leave the description of an XSAVE component out as zeros although XCR0 has it
 * (the size in 0xd.0 ECX counts it), so zeros there are no observation. Only KVM's own answer counts.
 */
export const xstateNotRecorded = (source: SnapshotSource, { leaf, subleaf, eax, ebx }: CpuidEntry): boolean =>
  source !== 'kvm' && leaf === 0xd && subleaf >= 2 && eax === 0 && ebx === 0;
