/**
 * The host that a named CPU model describes: what KVM would answer on a machine with exactly the features of the model.
 * A profile generated from it is made by the same rows as one from a real host.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import { FeatureSet } from '../definitions/models/feature-set.ts';
import { QEMU_ADDED, QEMU_KVM_OFF, QEMU_KVM_ON } from '../definitions/models/qemu-defaults.ts';
import type { CpuModel } from '../definitions/models/types.ts';
import { bitsOfQemuName } from '../definitions/names/names.ts';
import { or32 } from '../model/numbers.ts';
import { REGISTERS, VENDOR_STRINGS, type Register, type Vendor } from '../model/registers.ts';
import { normaliseSnapshot, type CpuidEntry, type MsrValue, type Snapshot } from '../model/snapshot.ts';
import { ARCH_CAPABILITIES } from '../verdict/exceptions.ts';

/**
 * The paravirtual features that KVM has offered to everybody since Linux 5.10, the oldest kernel with MSR filters; later
 * ones (0x40000001 EAX bits 16, 17) are left out. Linux arch/x86/kvm/cpuid.c, __do_cpuid_func, case KVM_CPUID_FEATURES.
 */
const PARAVIRTUAL = 0x0100_7efb;

/**
 * MSRs that KVM lists and saves on every such kernel, whatever the CPU; a profile requires of them those that its CPUID
 * bits announce. Linux 5.10 arch/x86/kvm/x86.c, msrs_to_save_all and emulated_msrs_all. Those that are listed only where
 * the CPU has them are announced by a bit of their own.
 */
const LISTED: readonly number[] = [
  0x10, 0x11, 0x12, 0x3b, 0x48, 0x174, 0x175, 0x176, 0x17a, 0x1a0, 0x277, 0x6e0, 0x4b56_4d00, 0x4b56_4d01,
  0x4b56_4d02, 0x4b56_4d03, 0x4b56_4d04, 0x4b56_4d05, 0x4b56_4d06, 0x4b56_4d07, 0xc000_0081, 0xc000_0082,
  0xc000_0083, 0xc000_0084, 0xc000_0102, 0xc000_0103,
];

/** The microcode revision: a feature MSR on both vendors, of which the half that counts is the host's. */
const UCODE_REV = 0x8b;

/** Offset and size of the state components in the standard format. Intel SDM vol. 1, 13.4.1; recorded hosts of both vendors. */
const STATE: Readonly<Record<Vendor, Readonly<Record<number, readonly [size: number, offset: number]>>>> = {
  intel: { 2: [256, 576], 5: [64, 1088], 6: [512, 1152], 7: [1024, 1664] },
  amd: { 2: [256, 576], 5: [64, 832], 6: [512, 896], 7: [1024, 1408] },
};

const ARCH_CAPABILITIES_NAME = 'arch-capabilities';
/**
 * No model says it, and CPUs from Cascade Lake on show it, some only with newer microcode. It is bad news (predictions may
 * come from elsewhere than the return stack): a guest that is told takes the stricter mitigation, one that is not told
 * must not run where it holds.
 */
const RRSBA = 1n << 19n;
const ARAT = 0x4;
const CLFLUSH_SIZE = 8 << 8;
const LAST_LEAF: Readonly<Record<Vendor, readonly [basic: number, extended: number]>> = {
  intel: [0x24, 0x8000_0008],
  amd: [0x10, 0x8000_0021],
};

/**
 * That host. Nesting, AMX, Hyper-V, protection keys, supervisor state and the performance counters are not in it:
 * options and rows would take them away again.
 */
export function hostOfModel(model: CpuModel): Snapshot {
  const features = new FeatureSet(model);
  for (const name of [...QEMU_ADDED, ...QEMU_KVM_ON])
    for (const bit of bitsOfQemuName(name)) features.set(bit, true);
  for (const name of QEMU_KVM_OFF) for (const bit of bitsOfQemuName(name)) features.set(bit, false);
  features.settle();
  const { vendor } = model;
  return normaliseSnapshot({
    vendor,
    source: 'kvm',
    partial: false,
    cpuid: leavesOf(model, features),
    featureMsrs: featureMsrsOf(features),
    msrIndices: [...LISTED, UCODE_REV, ...featureMsrsOf(features).map(({ index }) => index)],
    capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
  });
}

function featureMsrsOf(features: FeatureSet): MsrValue[] {
  const announced = bitsOfQemuName(ARCH_CAPABILITIES_NAME).some((bit) => features.has(bit));
  return [
    { index: UCODE_REV, value: 0n },
    ...(announced ? [{ index: ARCH_CAPABILITIES, value: features.msr(ARCH_CAPABILITIES) | RRSBA }] : []),
  ];
}

/** One entry for every leaf and subleaf that has a row of its own, so that every profile of a vendor is cut alike. */
function leavesOf(model: CpuModel, features: FeatureSet): CpuidEntry[] {
  const places = new Map<string, { leaf: number; subleaf: number }>();
  for (const { leaf, firstSubleaf, lastSubleaf } of definitionsFor(model.vendor).cpuid) {
    if (lastSubleaf - firstSubleaf > 2) continue;
    for (let subleaf = firstSubleaf; subleaf <= lastSubleaf; subleaf += 1)
      places.set(`${leaf}.${subleaf}`, { leaf, subleaf });
  }
  const words = wordsOf(model, features);
  return [...places.values()].map(({ leaf, subleaf }) => {
    const [eax = 0, ebx = 0, ecx = 0, edx = 0] = REGISTERS.map((register) => words(leaf, subleaf, register));
    return { leaf, subleaf, eax, ebx, ecx, edx };
  });
}

/** Every register of the host: features as the model has them, the rest as its own rules say. */
function wordsOf(
  model: CpuModel,
  features: FeatureSet,
): (leaf: number, subleaf: number, register: Register) => number {
  const { vendor } = model;
  const named = (leaf: number, subleaf: number, register: Register): number =>
    features.register({ leaf, subleaf, register });
  const [lastBasic, lastExtended] = LAST_LEAF[vendor];
  const components = features.stateComponents();
  const own: Readonly<Record<string, number>> = {
    '0.0:eax': lastBasic,
    '0.0:ebx': vendorWord(vendor, 0),
    '0.0:ecx': vendorWord(vendor, 2),
    '0.0:edx': vendorWord(vendor, 1),
    '1.0:eax': signature(model),
    '1.0:ebx': CLFLUSH_SIZE,
    // The timer that keeps running: KVM emulates it. Linux arch/x86/kvm/cpuid.c, leaf 6.
    '6.0:eax': ARAT,
    '7.0:eax': named(0x7, 2, 'edx') !== 0 ? 2 : Number(REGISTERS.some((each) => named(0x7, 1, each) !== 0)),
    'd.0:eax': Number(components & 0xffff_ffffn),
    '24.0:ebx': or32(named(0x24, 0, 'ebx'), model.avx10Version ?? 0),
    '40000001.0:eax': PARAVIRTUAL,
    '80000000.0:eax': lastExtended,
  };
  return (leaf, subleaf, register) => {
    if (leaf === 0xd && subleaf >= 2) {
      const [size, offset] =
        ((components >> BigInt(subleaf)) & 1n) === 1n ? (STATE[vendor][subleaf] ?? []) : [];
      return (register === 'eax' ? size : register === 'ebx' ? offset : 0) ?? 0;
    }
    return own[`${leaf.toString(16)}.${subleaf}:${register}`] ?? named(leaf, subleaf, register);
  };
}

const vendorWord = (vendor: Vendor, part: number): number =>
  [3, 2, 1, 0].reduce((word, i) => word * 256 + VENDOR_STRINGS[vendor].charCodeAt(4 * part + i), 0);

/** Family, model and stepping as leaf 1 EAX has them. Intel SDM vol. 2A, CPUID, "Version Information". */
function signature({ family, model, stepping }: CpuModel): number {
  const base = Math.min(family, 0xf);
  return (
    (((family - base) << 20) | ((model >> 4) << 16) | (base << 8) | ((model & 0xf) << 4) | stepping) >>> 0
  );
}
