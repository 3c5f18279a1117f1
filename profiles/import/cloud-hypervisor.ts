/**
 * Cloud Hypervisor's CPU profiles: a CPUID file and an MSR file. Besides upstream's spelling that of the Cyberus fork's
 * older files is read: zero-padded numbers, `cpu_vendor`, `hypervisor` or `hypervisor_type`, and `permitted_msrs`.
 */
import * as z from 'zod';
import { cloudHypervisorData } from '../formats/cloud-hypervisor.ts';
import { InputError } from '../model/input-error.ts';
import type { ProfileData } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import { quoted } from '../model/quoted.ts';
import { agreeing, saidVendor, vendorOfEntries } from './cpuid-entries.ts';
import {
  boundText,
  MAX_CPUID_ENTRIES,
  MAX_MSRS,
  type ImportFile,
  type Imported,
  type ImportOptions,
} from './imported.ts';
import { readJson, shaped } from './json.ts';

const hex = z.string().max(40);
const word = z.strictObject({ replacements: hex, mask: hex });
const header = {
  cpu_vendor: z.string().max(60).optional(),
  hypervisor: z.string().max(60).optional(),
  hypervisor_type: z.string().max(60).optional(),
};
const cpuidSchema = z.strictObject({
  ...header,
  adjustments: z
    .array(
      z.tuple([
        z.strictObject({
          leaf: hex,
          sub_leaf: z.strictObject({ start: hex, end: hex }),
          register: z.enum(['EAX', 'EBX', 'ECX', 'EDX']),
        }),
        word,
      ]),
    )
    .max(MAX_CPUID_ENTRIES),
});
const msrSchema = z.strictObject({
  ...header,
  adjustments: z.array(z.tuple([hex, word])).max(MAX_MSRS),
  required_msrs: z.array(hex).max(MAX_MSRS).optional(),
  permitted_msrs: z.array(hex).max(MAX_MSRS).optional(),
});
type Header = Pick<z.infer<typeof cpuidSchema>, keyof typeof header>;

interface Content {
  readonly file: ImportFile;
  readonly json: unknown;
}

/** The profile of a pair of files, in either order, or of the CPUID file alone. Throws InputError naming file and place. */
export function importCloudHypervisor(files: readonly ImportFile[], options: ImportOptions = {}): Imported {
  const { cpuid, msr } = pair(files);
  const cpuidJson = shaped(cpuid.file.name, cpuid.json, cpuidSchema);
  const msrJson = msr && shaped(msr.file.name, msr.json, msrSchema);
  const required = msr && requiredMsrs(msr.file.name, msrJson);
  const { data, notes } = read(cpuid, msr, {
    cpuid: JSON.stringify({ adjustments: cpuidJson.adjustments }),
    msr: JSON.stringify({ adjustments: msrJson?.adjustments ?? [], required_msrs: required ?? [] }),
  });
  const vendor = vendorOf(
    data,
    [
      [cpuid.file.name, cpuidJson],
      ...(msr === undefined || msrJson === undefined ? [] : [[msr.file.name, msrJson] as const]),
    ],
    options,
  );
  const notKnown = ['options and MSR filter: the files do not have them'];
  if (msrJson === undefined)
    notKnown.unshift('feature MSRs and required MSRs: there was no MSR file, so the profile has none');
  else if (msrJson.required_msrs === undefined)
    notKnown.unshift('required MSRs by that name: the older file lists permitted_msrs, taken as required');
  return { kind: 'profile', vendor, data, notKnown, notes };
}

function pair(files: readonly ImportFile[]): { cpuid: Content; msr: Content | undefined } {
  const [third] = files.slice(2);
  if (third !== undefined) throw new InputError(third.name, 'is one file too many: a profile has two');
  files.forEach(boundText);
  const contents = files.map((file): Content => ({ file, json: readJson(file) }));
  const msrs = contents.filter(({ json }) => isMsrFile(json));
  const [cpuid, otherCpuid] = contents.filter(({ json }) => !isMsrFile(json));
  if (cpuid === undefined)
    throw new InputError(files[0]?.name ?? '', 'is an MSR file: the CPUID file of the profile is missing');
  if (otherCpuid !== undefined)
    throw new InputError(otherCpuid.file.name, `is a second CPUID file beside ${cpuid.file.name}`);
  return { cpuid, msr: msrs[0] };
}

const isMsrFile = (json: unknown): boolean =>
  typeof json === 'object' && json !== null && ('required_msrs' in json || 'permitted_msrs' in json);

function requiredMsrs(name: string, json: z.infer<typeof msrSchema> | undefined): readonly string[] {
  if (json?.required_msrs !== undefined && json.permitted_msrs !== undefined)
    throw new InputError(name, 'has both required_msrs and permitted_msrs');
  return json?.required_msrs ?? json?.permitted_msrs ?? [];
}

/** The places in errors are those of the shipped format; the files that were given are what a user knows. */
function read(
  cpuid: Content,
  msr: Content | undefined,
  files: { cpuid: string; msr: string },
): { data: ProfileData; notes: string[] } {
  try {
    return cloudHypervisorData(files);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const name = /MSR|Msrs/.test(error.place + error.reason) ? (msr ?? cpuid).file.name : cpuid.file.name;
    throw new InputError(`${name} ${error.place}`, error.reason);
  }
}

const VENDORS: Readonly<Record<string, Vendor | undefined>> = { intel: 'intel', amd: 'amd' };

function vendorOf(
  data: ProfileData,
  headers: readonly (readonly [name: string, header: Header])[],
  options: ImportOptions,
): Vendor {
  let found = options.vendor;
  for (const [name, { cpu_vendor, hypervisor, hypervisor_type }] of headers) {
    const other = [hypervisor, hypervisor_type].find(
      (type) => type !== undefined && type.toLowerCase() !== 'kvm',
    );
    if (other !== undefined) throw new InputError(name, `is for the hypervisor ${quoted(other)}, not KVM`);
    if (cpu_vendor === undefined) continue;
    const key = cpu_vendor.toLowerCase();
    const vendor = Object.hasOwn(VENDORS, key) ? VENDORS[key] : undefined;
    if (vendor === undefined)
      throw new InputError(`${name} cpu_vendor`, `${quoted(cpu_vendor)} is neither Intel nor AMD`);
    found = agreeing(name, vendor, found);
  }
  const fixed = (register: string): number | undefined => {
    const row = data.cpuid.find(
      (entry) => entry.leaf === 0 && entry.subleaf === 0 && entry.register === register,
    );
    return row?.mask === 0 ? row.value : undefined;
  };
  const name = headers[0]?.[0] ?? '';
  const [ebx, ecx, edx] = [fixed('ebx'), fixed('ecx'), fixed('edx')];
  if (ebx === undefined || ecx === undefined || edx === undefined) return saidVendor(name, found);
  return vendorOfEntries(name, { leaf: 0, subleaf: 0, eax: 0, ebx, ecx, edx }, { vendor: found });
}
