/** A named CPU as a profile: what its names decide is fixed, everything else stays the host's. */
import { definitionsFor } from '../definitions/definitions.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import { QEMU_ADDED, QEMU_KVM_OFF, QEMU_KVM_ON } from '../definitions/models/qemu-defaults.ts';
import type { CpuModel } from '../definitions/models/types.ts';
import { bitsOfQemuName } from '../definitions/names/names.ts';
import type { BitName } from '../definitions/names/types.ts';
import { not32, U32_MAX, U64_MAX } from '../model/numbers.ts';
import type { CpuidAdjustment, MsrAdjustment, ProfileData } from '../model/profile.ts';
import { VENDOR_STRINGS, type CpuidPlace, type Vendor } from '../model/registers.ts';
import { brandAdjustments } from '../make/brand.ts';
import { namedRegisters, placeKey, type FeatureSet } from '../definitions/models/feature-set.ts';
import { normalisedData, withTheRestOfTheHost } from './host-remainder.ts';

/**
 * qemu: QEMU writes every register that has a named bit as a whole, so bits without a name are 0.
 * names: only the bits that libvirt names are known, of the others nothing.
 */
export type Knowledge = 'qemu' | 'names';

export const MSRS_NOT_KNOWN =
  'which MSRs a host must offer, and the feature MSRs that no feature name reaches';

/** Before the features that a user names, which win over these. */
export function switchKvmDefaults(features: FeatureSet): void {
  for (const name of [...QEMU_ADDED, ...QEMU_KVM_ON])
    for (const bit of bitsOfQemuName(name)) features.set(bit, true);
  for (const name of QEMU_KVM_OFF) for (const bit of bitsOfQemuName(name)) features.set(bit, false);
}

/** The profile of `features` on top of `model`. */
export function namedCpuData(
  name: string,
  model: CpuModel,
  features: FeatureSet,
  knowledge: Knowledge,
): ProfileData {
  const chosen = (row: BitName): boolean =>
    knowledge === 'qemu' ? row.qemu.length > 0 : row.libvirt !== undefined;
  const named = namedRegisters(chosen);
  const whole = knowledge === 'qemu';
  const rows = named.cpuid.map(({ place, bits }) =>
    fixed(place, features.register(place), (whole ? 0 : not32(bits)) | features.openBits(place)),
  );
  const cpuid = unique([...rows, ...identity(model, whole), ...state(features)]);
  const featureMsrs = msrsOf(model, named.msrs, whole).filter(({ index }) => isOn(features, gateOf(index)));
  return normalisedData(name, {
    cpuid: withTheRestOfTheHost(model.vendor, cpuid),
    featureMsrs: featureMsrs.map(({ index, open }): MsrAdjustment => {
      const mask = open | features.openMsrBits(index);
      return { index, mask, value: features.msr(index) & ~mask };
    }),
    requiredMsrs: [],
  });
}

/** The feature MSRs that the names reach, with the bits of each that stay the host's. */
function msrsOf(
  model: CpuModel,
  named: readonly { readonly index: number; readonly bits: bigint }[],
  whole: boolean,
): { index: number; open: bigint }[] {
  const definitions = definitionsFor(model.vendor);
  const hostBits = new Map(model.msrs.map((msr) => [msr.index, msr.hostBits]));
  const open = new Map(
    whole
      ? [...named.map(({ index }) => [index, 0n] as const), ...hostBits]
      : named
          .filter(({ index }) => !isVmx(index))
          .map(({ index, bits }) => [index, U64_MAX & ~bits] as const),
  );
  return [...open]
    .filter(([index]) => findFeatureMsr(definitions, index) !== undefined)
    .map(([index, bits]) => ({ index, open: bits }));
}

/** The feature without which a guest has the MSR not at all. */
const GATES: ReadonlyMap<number, string> = new Map([
  [0x10a, 'arch-capabilities'],
  [0xcf, 'core-capability'],
  [0x345, 'pdcm'],
]);
const isVmx = (index: number): boolean => 0x480 <= index && index <= 0x493;

const gateOf = (index: number): string => GATES.get(index) ?? (isVmx(index) ? 'vmx' : '');
const isOn = (features: FeatureSet, gate: string): boolean =>
  bitsOfQemuName(gate).some((row) => features.has(row));

const fixed = ({ leaf, subleaf, register }: CpuidPlace, word: number, mask: number): CpuidAdjustment => ({
  leaf,
  subleaf,
  lastSubleaf: subleaf,
  register,
  mask: mask >>> 0,
  value: (word & ~mask) >>> 0,
});

const unique = (rows: readonly CpuidAdjustment[]): CpuidAdjustment[] => [
  ...new Map(rows.map((row) => [placeKey(row), row])).values(),
];

function identity(model: CpuModel, whole: boolean): CpuidAdjustment[] {
  const register = (leaf: number, name: CpuidPlace['register'], word: number): CpuidAdjustment =>
    fixed({ leaf, subleaf: 0, register: name }, word, 0);
  const [ebx, edx, ecx] = vendorWords(model.vendor);
  const own = [
    register(0, 'ebx', ebx),
    register(0, 'ecx', ecx),
    register(0, 'edx', edx),
    register(0x1, 'eax', signature(model)),
  ];
  if (!whole) return own;
  return [
    ...own,
    register(0, 'eax', model.levelRaised),
    register(0x8000_0000, 'eax', model.xlevelRaised),
    // A brand string ends in a NUL; one of QEMU's takes all 48 bytes.
    ...brandAdjustments(model.modelId.slice(0, 47)),
  ];
}

function vendorWords(vendor: Vendor): [number, number, number] {
  const word = (part: number): number =>
    [3, 2, 1, 0].reduce((sum, i) => sum * 256 + VENDOR_STRINGS[vendor].charCodeAt(4 * part + i), 0);
  return [word(0), word(1), word(2)];
}

/** Family, model and stepping as leaf 1 EAX has them. Intel SDM vol. 2A, CPUID, "Version Information". */
export function signature({
  family,
  model,
  stepping,
}: Pick<CpuModel, 'family' | 'model' | 'stepping'>): number {
  const base = Math.min(family, 0xf);
  return (
    (((family - base) << 20) | ((model >> 4) << 16) | (base << 8) | ((model & 0xf) << 4) | stepping) >>> 0
  );
}

/** State components that a feature switches: the user ones in 0xd.0 EAX and EDX, the supervisor ones in 0xd.1 ECX. */
function state(features: FeatureSet): CpuidAdjustment[] {
  const components = features.stateComponents();
  const user = components & ~SUPERVISOR;
  return [
    fixed({ leaf: 0xd, subleaf: 0, register: 'eax' }, Number(user & BigInt(U32_MAX)), 0),
    fixed({ leaf: 0xd, subleaf: 0, register: 'edx' }, Number(user >> 32n), 0),
    fixed({ leaf: 0xd, subleaf: 1, register: 'ecx' }, Number(components & SUPERVISOR), 0),
  ];
}

/** XSS components: PT 8, PASID 10, CET 11 and 12, HDC 13, UINTR 14, LBR 15, HWP 16. Intel SDM vol. 1, 13.1. */
const SUPERVISOR = [8, 10, 11, 12, 13, 14, 15, 16].reduce((word, bit) => word | (1n << BigInt(bit)), 0n);
