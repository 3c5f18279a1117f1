/**
 * Firecracker: a CPU fingerprint (`cpu-template-helper fingerprint dump`) is what a microVM without a template is given,
 * a snapshot; a custom CPU template changes what the host has, a profile that leaves the rest to the host.
 */
import * as z from 'zod';
import { definitionsFor } from '../definitions/definitions.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import { InputError } from '../model/input-error.ts';
import { toHex } from '../model/numbers.ts';
import type { Vendor } from '../model/registers.ts';
import { normaliseSnapshot, type CpuidEntry } from '../model/snapshot.ts';
import { CpuidEntries, entryName, saidVendor, vendorOfEntries } from './cpuid-entries.ts';
import {
  readTemplate,
  templateSchema,
  type Template,
  type TemplateRegister,
} from './firecracker-template.ts';
import { onlyFile, some, type ImportFile, type Imported, type ImportOptions } from './imported.ts';
import { readJson, shaped } from './json.ts';
import { normalisedData, withTheRestOfTheHost } from './host-remainder.ts';
import { CAPABILITIES_NOT_KNOWN, UNKNOWN_CAPABILITIES } from './raw.ts';

const line = z.string().max(200);
const fingerprintSchema = z.strictObject({
  firecracker_version: line,
  kernel_version: line,
  microcode_version: line,
  bios_version: line,
  bios_revision: line,
  guest_cpu_config: templateSchema,
});

/** A fingerprint becomes a snapshot, a template a profile. Throws InputError naming the place. */
export function importFirecracker(files: readonly ImportFile[], options: ImportOptions = {}): Imported {
  const file = onlyFile(files);
  const json = readJson(file);
  const fields = typeof json === 'object' && json !== null ? Object.keys(json) : [];
  const config = isRecord(json) && isRecord(json['guest_cpu_config']) ? json['guest_cpu_config'] : json;
  if (isRecord(config) && ('reg_modifiers' in config || 'vcpu_features' in config))
    throw new InputError(file.name, 'is for aarch64 (reg_modifiers, vcpu_features): profiles are for x86-64');
  if (fields.includes('guest_cpu_config')) {
    const { guest_cpu_config: guest } = shaped(file.name, json, fingerprintSchema);
    return fingerprint(file.name, readTemplate(`${file.name} guest_cpu_config`, guest), options);
  }
  return template(file.name, readTemplate(file.name, shaped(file.name, json, templateSchema)), options);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A new vCPU starts with the value that KVM_GET_MSRS on /dev/kvm gives for this one: kvm_arch_vcpu_create, arch/x86/kvm/x86.c. */
const STARTS_AS_FEATURE_MSR = 0x10a;

function fingerprint(name: string, { registers, msrs }: Template, options: ImportOptions): Imported {
  const open = [...registers, ...msrs].find(({ mask }) => mask !== 0n);
  if (open !== undefined) throw new InputError(open.place, 'leaves bits open: a fingerprint says every bit');
  const cpuid = entriesOf(name, registers);
  const vendor = vendorOfEntries(
    name,
    cpuid.find(({ leaf, subleaf }) => leaf === 0 && subleaf === 0),
    options,
  );
  const featureMsrs = msrs
    .filter(({ index }) => index === STARTS_AS_FEATURE_MSR)
    .map(({ index, value }) => ({ index, value }));
  return {
    kind: 'snapshot',
    notKnown: [
      'what KVM offers to guests: this is what one microVM was given, after the changes Firecracker makes to CPUID (topology, cache sharing, brand string)',
      featureMsrs.length > 0
        ? "feature MSRs but 0x10a, which a new vCPU shows as KVM offers it; of the others a vCPU's own values say nothing"
        : 'feature MSRs: absent, not empty',
      "KVM's list of MSRs: Firecracker leaves out those it does not dump",
      CAPABILITIES_NOT_KNOWN,
    ],
    snapshot: normaliseSnapshot({
      vendor,
      source: 'guest',
      partial: true,
      cpuid,
      featureMsrs: featureMsrs.length > 0 ? featureMsrs : undefined,
      msrIndices: undefined,
      capabilities: UNKNOWN_CAPABILITIES,
    }),
  };
}

/** Whole entries; a snapshot has no place for a register that was not seen. */
function entriesOf(name: string, registers: readonly TemplateRegister[]): CpuidEntry[] {
  const entries = new CpuidEntries();
  const places = Map.groupBy(registers, entryName);
  for (const [where, members] of places) {
    const [first] = members;
    const word = (register: TemplateRegister['register']): number => {
      const member = members.find((candidate) => candidate.register === register);
      if (member === undefined) throw new InputError(name, `${where} is without ${register}`);
      return Number(member.value);
    };
    if (first === undefined) continue;
    const { leaf, subleaf } = first;
    entries.add(
      { leaf, subleaf, eax: word('eax'), ebx: word('ebx'), ecx: word('ecx'), edx: word('edx') },
      `${name} ${where}`,
    );
  }
  return entries.values();
}

function template(
  name: string,
  { registers, msrs, capabilities }: Template,
  options: ImportOptions,
): Imported {
  const vendor = templateVendor(name, registers, options);
  const definitions = definitionsFor(vendor);
  const ours = msrs.filter(({ index }) => findFeatureMsr(definitions, index) !== undefined);
  const others = msrs.filter(({ index }) => findFeatureMsr(definitions, index) === undefined);
  const cpuid = registers.map(({ leaf, subleaf, register, mask, value }) => ({
    leaf,
    subleaf,
    lastSubleaf: subleaf,
    register,
    mask: Number(mask),
    value: Number(value),
  }));
  const notKnown = [
    'every register the template does not name: a microVM has it as its host does, so the profile passes it through where its tables know it',
    'which MSRs a host must offer, and the feature MSRs the template does not name',
  ];
  if (others.length > 0) {
    notKnown.push(
      `the MSRs ${some(others.map(({ index }) => toHex(index)))} that the template sets: they are no feature MSRs, and a profile fixes no others`,
    );
  }
  if (capabilities.length > 0)
    notKnown.push(
      'the KVM capabilities the template takes away or asks for: a profile has no place for them',
    );
  return {
    kind: 'profile',
    vendor,
    data: normalisedData(name, {
      cpuid: withTheRestOfTheHost(vendor, cpuid),
      featureMsrs: ours.map(({ index, mask, value }) => ({ index, mask, value })),
      requiredMsrs: [],
    }),
    notKnown,
  };
}

/** The vendor of a template is that of its leaf 0, where it fixes that. */
function templateVendor(
  name: string,
  registers: readonly TemplateRegister[],
  options: ImportOptions,
): Vendor {
  const word = (register: TemplateRegister['register']): number | undefined => {
    const found = registers.find((row) => row.leaf === 0 && row.subleaf === 0 && row.register === register);
    return found?.mask === 0n ? Number(found.value) : undefined;
  };
  const [ebx, ecx, edx] = [word('ebx'), word('ecx'), word('edx')];
  if (ebx === undefined || ecx === undefined || edx === undefined) return saidVendor(name, options.vendor);
  return vendorOfEntries(name, { leaf: 0, subleaf: 0, eax: 0, ebx, ecx, edx }, options);
}
