/** libvirt's `<cpu>`: a model by name, and features with what is to become of each. */
import { CPU_MODELS, cpuModel } from '../definitions/models/models.ts';
import type { CpuModel, LibvirtModel } from '../definitions/models/types.ts';
import { bitsOfLibvirtName, bitsOfQemuName } from '../definitions/names/names.ts';
import type { BitName } from '../definitions/names/types.ts';
import { InputError } from '../model/input-error.ts';
import type { Vendor } from '../model/registers.ts';
import { quoted } from '../model/quoted.ts';
import { agreeing } from './cpuid-entries.ts';
import { FeatureSet } from '../definitions/models/feature-set.ts';
import { some, type Imported, type ImportOptions } from './imported.ts';
import { MSRS_NOT_KNOWN, namedCpuData, switchKvmDefaults } from './named-cpu.ts';
import type { XmlElement } from './xml.ts';

/** What stands beside model and features and says nothing about them. */
const ASIDE = [
  'arch',
  'microcode',
  'signature',
  'counter',
  'topology',
  'cache',
  'maxphysaddr',
  'numa',
  'pages',
];
const VENDOR_NAMES: ReadonlyMap<string, Vendor> = new Map([
  ['Intel', 'intel'],
  ['AMD', 'amd'],
]);
const POLICIES: ReadonlyMap<string, boolean | 'optional'> = new Map<string, boolean | 'optional'>([
  ['force', true],
  ['require', true],
  ['optional', 'optional'],
  ['disable', false],
  ['forbid', false],
]);
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$/;

/**
 * `host`: the element describes a host by libvirt's own models, and what it does not name the host does not have.
 * Otherwise it says what QEMU is asked for, by QEMU's models. Throws InputError naming file and line.
 */
export function importLibvirtCpu(
  file: string,
  element: XmlElement,
  host: boolean,
  options: ImportOptions,
): Imported {
  const at = (place: XmlElement): string => `${file} line ${place.line}`;
  for (const child of element.children) {
    if (!['model', 'vendor', 'feature', ...ASIDE].includes(child.name))
      throw new InputError(at(child), `<${child.name}> does not belong into <${element.name}>`);
  }
  const modelElement = element.children.find(({ name }) => name === 'model');
  if (modelElement === undefined)
    throw new InputError(at(element), `<${element.name}> names no model: it is whatever each host has`);
  const model = modelCalled(modelElement.text, at(modelElement));
  const vendor = agreeing(at(element), model.vendor, statedVendor(file, element) ?? model.vendor);
  agreeing(at(element), vendor, options.vendor);

  const features = new FeatureSet(model);
  if (host) switchLibvirtDifference(features, model.libvirt);
  else switchKvmDefaults(features);
  const unknown: string[] = [];
  const seen = new Set<string>();
  for (const child of element.children.filter(({ name }) => name === 'feature')) {
    const name = child.attributes.get('name') ?? '';
    if (!NAME.test(name)) throw new InputError(at(child), `${quoted(name)} is not the name of a feature`);
    if (seen.has(name)) throw new InputError(at(child), `the feature ${name} appears twice`);
    seen.add(name);
    const policy = child.attributes.get('policy') ?? 'require';
    const on = POLICIES.get(policy);
    if (on === undefined) throw new InputError(at(child), `${quoted(policy)} is not a policy of a feature`);
    const bits = bitsNamed(name);
    if (bits.length === 0) unknown.push(name);
    for (const bit of bits) features.set(bit, on);
  }
  if (!host) features.settle();
  return {
    kind: 'profile',
    vendor,
    data: namedCpuData(file, model, features, host ? 'names' : 'qemu'),
    notKnown: notKnown(element, host, unknown),
  };
}

/** QEMU's spelling also stands in domains: libvirt hands it on. */
const bitsNamed = (name: string): readonly BitName[] => {
  const bits = bitsOfLibvirtName(name);
  return bits.length > 0 ? bits : bitsOfQemuName(name);
};

function modelCalled(name: string, place: string): CpuModel {
  const model = CPU_MODELS.find(({ libvirt }) => libvirt?.name === name) ?? cpuModel(name);
  if (model !== undefined) return model;
  const known = [...new Set(CPU_MODELS.map((candidate) => candidate.libvirt?.name ?? candidate.id))];
  throw new InputError(
    place,
    `the model ${quoted(name)} is not in the tables, which have ${some(known, 100)}`,
  );
}

function statedVendor(file: string, element: XmlElement): Vendor | undefined {
  const stated = element.children.find(({ name }) => name === 'vendor');
  if (stated === undefined) return undefined;
  const vendor = VENDOR_NAMES.get(stated.text);
  if (vendor === undefined)
    throw new InputError(
      `${file} line ${stated.line}`,
      `the vendor ${quoted(stated.text)} is neither Intel nor AMD`,
    );
  return vendor;
}

/** libvirt's own model of the name has other features than QEMU's. */
function switchLibvirtDifference(features: FeatureSet, libvirt: LibvirtModel | undefined): void {
  for (const name of libvirt?.lacks ?? []) for (const bit of bitsNamed(name)) features.set(bit, false);
  for (const name of libvirt?.has ?? []) for (const bit of bitsNamed(name)) features.set(bit, true);
}

function notKnown(element: XmlElement, host: boolean, unknown: readonly string[]): string[] {
  const result = host
    ? [
        'what KVM offers to guests: this is the bare CPU as libvirt names it',
        'every bit that libvirt has no name for: passed through from the host',
      ]
    : [
        'registers that no feature name reaches (caches, topology, timers, state sizes): passed through from the host',
      ];
  result.push(MSRS_NOT_KNOWN);
  if (unknown.length > 0)
    result.push(`the features ${some(unknown, 10)}: the tables have no bit of that name`);
  const aside = [...new Set(element.children.map(({ name }) => name))].filter(
    (name) => ASIDE.includes(name) && name !== 'arch',
  );
  if (aside.length > 0) result.push(`${some(aside, 10)}: read and left out, a profile has no place for them`);
  if (element.attributes.get('match') === 'minimum')
    result.push('what a host has beyond this: match="minimum" lets guests see that too, a profile does not');
  return result;
}
