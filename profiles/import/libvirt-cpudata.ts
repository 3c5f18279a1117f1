/**
 * libvirt's `<cpudata arch='x86'>`: CPUID leaves and MSRs as libvirt or its test data hold them. Source:
 * src/cpu/cpu_x86.c, virCPUx86DataFormat and virCPUx86DataParse. It leaves out what is zero, so most are partial.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import { InputError } from '../model/input-error.ts';
import { toHex } from '../model/numbers.ts';
import { normaliseSnapshot, u32, type MsrValue } from '../model/snapshot.ts';
import { quoted } from '../model/quoted.ts';
import { coversItsLeaves, CpuidEntries, vendorOfEntries } from './cpuid-entries.ts';
import { MAX_MSRS, some, type Imported, type ImportOptions } from './imported.ts';
import { CAPABILITIES_NOT_KNOWN, UNKNOWN_CAPABILITIES, isHypervisorLeaf } from './raw.ts';
import type { XmlElement } from './xml.ts';

const CPUID_ATTRIBUTES = ['eax_in', 'ecx_in', 'eax', 'ebx', 'ecx', 'edx'] as const;
const MSR_ATTRIBUTES = ['index', 'eax', 'edx'] as const;

/** The snapshot behind a `<cpudata>` element. Throws InputError naming file and line. */
export function importCpudata(file: string, root: XmlElement, options: ImportOptions): Imported {
  const arch = root.attributes.get('arch') ?? '';
  if (arch !== 'x86') throw new InputError(`${file} line ${root.line}`, `arch ${quoted(arch)} is not x86`);
  const entries = new CpuidEntries();
  const msrs: MsrValue[] = [];
  for (const child of root.children) {
    const place = `${file} line ${child.line}`;
    if (child.name === 'cpuid') {
      const { eax_in: leaf, ecx_in: subleaf, ...registers } = words(place, child, CPUID_ATTRIBUTES);
      entries.add({ leaf, subleaf, ...registers }, place);
    } else if (child.name === 'msr') {
      const { index, eax, edx } = words(place, child, MSR_ATTRIBUTES);
      if (msrs.length >= MAX_MSRS) throw new InputError(place, `more than ${MAX_MSRS} MSRs`);
      msrs.push({ index, value: (BigInt(edx) << 32n) | BigInt(eax) });
    } else {
      throw new InputError(place, `<${child.name}> does not belong into <cpudata>`);
    }
  }
  const cpuid = entries.values();
  const own = cpuid.filter(({ leaf }) => !isHypervisorLeaf(leaf));
  const vendor = vendorOfEntries(file, entries.find(0, 0), options);
  const definitions = definitionsFor(vendor);
  const featureMsrs = msrs.filter(({ index }) => findFeatureMsr(definitions, index) !== undefined);
  const others = msrs.filter(({ index }) => findFeatureMsr(definitions, index) === undefined);
  const notKnown = [
    'what KVM offers to guests: this is what libvirt read from the bare CPU or asked QEMU for',
    featureMsrs.length > 0
      ? `feature MSRs but ${some(featureMsrs.map(({ index }) => toHex(index)))}, and KVM's list of MSRs: absent, not empty`
      : "feature MSRs and KVM's list of MSRs: absent, not empty",
    CAPABILITIES_NOT_KNOWN,
  ];
  const partial = !coversItsLeaves(own) || featureMsrs.length > 0;
  if (!coversItsLeaves(own))
    notKnown.push('leaves that the file leaves out, zero or not asked for: the snapshot is partial');
  if (own.length < cpuid.length)
    notKnown.push('what KVM puts into leaves 0x40000000 and above: the file shows another hypervisor’s');
  if (others.length > 0)
    notKnown.push(
      `what the MSRs ${some(others.map(({ index }) => toHex(index)))} say about KVM: they are no feature MSRs`,
    );
  return {
    kind: 'snapshot',
    notKnown,
    snapshot: normalised(file, {
      vendor,
      source: 'raw',
      partial,
      cpuid: own,
      featureMsrs: featureMsrs.length > 0 ? featureMsrs : undefined,
      msrIndices: undefined,
      capabilities: UNKNOWN_CAPABILITIES,
    }),
  };
}

function normalised(file: string, snapshot: Parameters<typeof normaliseSnapshot>[0]) {
  try {
    return normaliseSnapshot(snapshot);
  } catch (error) {
    throw error instanceof InputError ? new InputError(file, error.message) : error;
  }
}

/** Exactly these attributes, as 32-bit numbers. libvirt takes a missing register for 0; its input must be there. */
function words<Name extends string>(
  place: string,
  element: XmlElement,
  names: readonly Name[],
): Record<Name, number> {
  const known: readonly string[] = names;
  const unknown = [...element.attributes.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new InputError(place, `<${element.name}> has the unknown attribute ${unknown}`);
  if (element.children.length > 0 || element.text !== '')
    throw new InputError(place, `<${element.name}> must be empty`);
  const pairs = names.map((name) => {
    const text = element.attributes.get(name);
    if (text === undefined) throw new InputError(place, `<${element.name}> is without ${name}`);
    return [name, u32(text, `${place} ${name}`)] as const;
  });
  return Object.fromEntries(pairs) as Record<Name, number>;
}
