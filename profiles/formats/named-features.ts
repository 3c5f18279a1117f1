/**
 * A profile in the words of a program that knows features by name: which names to switch on and off on top of which
 * model. Shared by QEMU and libvirt, which differ in names and models.
 */
import { FeatureSet } from '../definitions/models/feature-set.ts';
import { CPU_MODELS } from '../definitions/models/models.ts';
import {
  QEMU_ADDED,
  QEMU_FROM_TOPOLOGY,
  QEMU_KVM_OFF,
  QEMU_KVM_ON,
} from '../definitions/models/qemu-defaults.ts';
import type { CpuModel } from '../definitions/models/types.ts';
import { BIT_NAMES, bitsOfQemuName } from '../definitions/names/names.ts';
import { isVmxControls } from '../definitions/names/rows.ts';
import { QEMU_VERSIONS, type BitName, type QemuVersion } from '../definitions/names/types.ts';
import type { Profile, ProfileData } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';

/** What a program calls a bit, and the models it has. */
export interface Vocabulary {
  readonly nameOf: (row: BitName) => string | undefined;
  readonly models: readonly CpuModel[];
  /** Does the program itself believe that the model has the feature? Absent: as QEMU has it. */
  readonly believes?: (model: CpuModel, row: BitName, qemuHasIt: boolean) => boolean;
}

export interface Choice {
  readonly model: CpuModel;
  /** Names to be written, in the order of their bits. */
  readonly stated: ReadonlyMap<string, boolean>;
  /** What QEMU makes of model, defaults and stated names together. */
  readonly features: FeatureSet;
}

/** on, off, or left to the host by the profile. */
export type Wish = 'on' | 'off' | 'host';

/** What `data` says about the feature of a bit. A register or MSR that it does not list has none. */
export function wishOf(data: ProfileData, { place, presentWhen }: BitName): Wish {
  const bit = BigInt(place.bit);
  const entry =
    'msr' in place
      ? data.featureMsrs.find(({ index }) => index === place.msr)
      : adjustmentAt(data, place.leaf, place.subleaf, place.register);
  if (entry === undefined) return 'off';
  if ((BigInt(entry.mask) >> bit) & 1n) return 'host';
  return ((BigInt(entry.value) >> bit) & 1n) === BigInt(presentWhen) ? 'on' : 'off';
}

/** Left to the host, these are on: KVM offers them on every host, and QEMU or every other VMM shows them. */
const ON_FOR_THE_HOST: ReadonlySet<string> = new Set([...QEMU_ADDED, ...QEMU_KVM_ON, 'tsc-deadline']);
/** QEMU's own setting depends on what runs the guest, so they are always written. */
const ALWAYS_STATED: ReadonlySet<string> = new Set([...QEMU_ADDED, ...QEMU_KVM_ON]);

/** QEMU's settings under KVM that win over the model. */
const DEFAULTS: ReadonlyMap<string, boolean> = new Map([
  ...[...QEMU_ADDED, ...QEMU_KVM_ON].map((name) => [name, true] as const),
  ...QEMU_KVM_OFF.map((name) => [name, false] as const),
]);

const firstName = ({ qemu, libvirt }: BitName): string => qemu[0] ?? libvirt ?? '';

/** The model that needs the fewest names, the first of equals, and the names. Models of the other vendor are passed over. */
export function chooseFeatures(profile: Profile, vocabulary: Vocabulary): Choice {
  const wanted = wantedRows(profile, vocabulary);
  const [first, ...others] = vocabulary.models
    .filter(({ vendor }) => vendor === profile.vendor)
    .map((model) => ({ model, stated: statedOn(model, wanted, vocabulary) }));
  // Every vendor has a model of 7.2: a table without one is a fault that the tests find.
  if (first === undefined) throw new Error(`no model for ${profile.vendor}`);
  const { model, stated } = others.reduce(
    (best, other) => (other.stated.size < best.stated.size ? other : best),
    first,
  );
  return { model, stated, features: featuresOn(model, wanted) };
}

/** Which rows that have a name shall be on. Two bits of one QEMU name are on together or not at all. */
function wantedRows({ data }: Profile, { nameOf }: Vocabulary): Map<BitName, boolean> {
  const byName = Map.groupBy(
    BIT_NAMES.filter((row) => nameOf(row) !== undefined),
    firstName,
  );
  const wanted = new Map<BitName, boolean>();
  for (const [name, rows] of byName) {
    if (QEMU_FROM_TOPOLOGY.includes(name)) continue;
    const wishes = new Set(rows.map((row) => wishOf(data, row)));
    const on = !wishes.has('off') && (wishes.has('on') || ON_FOR_THE_HOST.has(name));
    for (const row of rows) wanted.set(row, on);
  }
  withoutUnmet(wanted);
  // Without VMX its MSRs do not exist, whatever the model holds ready for them.
  if (!bitsOfQemuName('vmx').some((row) => wanted.get(row) === true))
    for (const row of wanted.keys()) if (isVmxMsr(row)) wanted.delete(row);
  return wanted;
}

/** Takes away what QEMU would refuse with `enforce`: features that need others which are not wanted. */
function withoutUnmet(wanted: Map<BitName, boolean>): void {
  for (let changed = true; changed;) {
    changed = false;
    for (const [row, on] of wanted) {
      if (!on || isMet(row, wanted)) continue;
      wanted.set(row, false);
      changed = true;
    }
  }
}

const isMet = ({ needs }: BitName, wanted: ReadonlyMap<BitName, boolean>): boolean =>
  needs.every((names) => names.some((name) => bitsOfQemuName(name).some((row) => wanted.get(row) === true)));

// What each model has by itself: a derived view, kept as long as the model.
const ownRows = new WeakMap<CpuModel, ReadonlySet<BitName>>();

function rowsOf(model: CpuModel): ReadonlySet<BitName> {
  const known = ownRows.get(model);
  if (known !== undefined) return known;
  const features = new FeatureSet(model);
  const rows = new Set(BIT_NAMES.filter((row) => features.has(row)));
  ownRows.set(model, rows);
  return rows;
}

/** The names that `model` needs: where it, QEMU's defaults or the program's own idea of the model say otherwise. */
function statedOn(
  model: CpuModel,
  wanted: ReadonlyMap<BitName, boolean>,
  { nameOf, believes }: Vocabulary,
): Map<string, boolean> {
  const own = rowsOf(model);
  const stated = new Map<string, boolean>();
  for (const [row, on] of wanted) {
    // QEMU drops it by itself with what it needs.
    if (!on && believes === undefined && !isMet(row, wanted)) continue;
    const has = own.has(row);
    const byDefault = DEFAULTS.get(firstName(row)) ?? has;
    const believed = believes?.(model, row, has) ?? has;
    if (has !== on || byDefault !== on || believed !== on || ALWAYS_STATED.has(firstName(row)))
      stated.set(nameOf(row) ?? '', on);
  }
  return stated;
}

/** What QEMU makes of the model, its defaults under KVM and the stated names. */
function featuresOn(model: CpuModel, wanted: ReadonlyMap<BitName, boolean>): FeatureSet {
  const features = new FeatureSet(model);
  for (const [name, on] of DEFAULTS) for (const row of bitsOfQemuName(name)) features.set(row, on);
  for (const [row, on] of wanted) features.set(row, on);
  features.settle();
  return features;
}

const isVmxMsr = ({ place }: BitName): boolean =>
  'msr' in place && (isVmxControls(place.msr) || (0x480 <= place.msr && place.msr <= 0x493));

const rank = (version: QemuVersion): number => QEMU_VERSIONS.indexOf(version);
export const atMost = (version: QemuVersion, limit: QemuVersion): boolean => rank(version) <= rank(limit);

/** QEMU's own words, as far as `version` and all later ones know them. */
export const qemuVocabulary = (version: QemuVersion): Vocabulary => ({
  nameOf: ({ qemu, qemuSince }) =>
    qemuSince !== undefined && atMost(qemuSince, version) ? qemu[0] : undefined,
  models: CPU_MODELS.filter(({ since }) => atMost(since, version)),
});
