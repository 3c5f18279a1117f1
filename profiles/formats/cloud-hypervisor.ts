/** Cloud Hypervisor's CPU profile: two JSON files in upstream's serialisation (arch/src/x86_64/cpu_profile). */
import * as z from 'zod';
import { definitionsFor } from '../definitions/definitions.ts';
import { toHex } from '../model/numbers.ts';
import { type Profile, type ProfileData, profileDataFromWire } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import { type Consumer, type FidelityFinding, overwritten, type Rewrite } from './fidelity.ts';
import { prettyJson, type Rendering } from './format.ts';
import { parseFile } from './parse-file.ts';

const CPUID_FILE = 'cloud-hypervisor.cpuid.json';
const MSR_FILE = 'cloud-hypervisor.msr.json';

const CONSUMERS: readonly Consumer[] = [
  {
    name: 'Cloud Hypervisor',
    honours: { cpuid: true, featureMsrs: true, requiredMsrs: true, filter: false },
    source: 'cloud-hypervisor/cloud-hypervisor, arch/src/x86_64/cpu_profile, August 2026',
  },
  {
    name: 'Cloud Hypervisor, Cyberus fork',
    honours: { cpuid: true, featureMsrs: true, requiredMsrs: true, filter: true },
    source: 'cyberus-technology/cloud-hypervisor, arch/src/x86_64/cpu_profile and msr_definitions',
  },
];

const ALL = { first: 0, last: 31 } as const;
const everyRegister = (leaf: number): Rewrite[] =>
  (['eax', 'ebx', 'ecx', 'edx'] as const).map((register) => ({ leaf, register, ...ALL }));

/** What the VMM fills in for each VM or vCPU. Source: Cloud Hypervisor arch/src/x86_64/mod.rs, generate_common_cpuid and configure_vcpu. */
const REWRITES: readonly Rewrite[] = [
  { leaf: 0x1, register: 'ebx', first: 16, last: 31 },
  { leaf: 0x1, register: 'ecx', first: 24, last: 24, becomes: 1 },
  { leaf: 0x1, register: 'ecx', first: 31, last: 31, becomes: 1 },
  { leaf: 0x1, register: 'edx', first: 12, last: 12, becomes: 1 },
  { leaf: 0x1, register: 'edx', first: 28, last: 28 },
  { leaf: 0x4, register: 'eax', first: 14, last: 31 },
  ...everyRegister(0xb),
  ...everyRegister(0x1f),
  { leaf: 0x4000_0001, register: 'eax', first: 15, last: 15, becomes: 1 },
  ...everyRegister(0x4000_0010),
  ...everyRegister(0x8000_0006),
  { leaf: 0x8000_0008, register: 'eax', first: 0, last: 7 },
  ...everyRegister(0x8000_001d),
  ...everyRegister(0x8000_001e),
];

/** The two files of `profile`, and what gets lost on the way. */
export function renderCloudHypervisor(profile: Profile): Rendering {
  return {
    files: {
      [CPUID_FILE]: prettyJson(cpuidFile(profile.data)),
      [MSR_FILE]: prettyJson(msrFile(profile.data)),
    },
    consumers: CONSUMERS,
    findings: findings(profile),
  };
}

const cpuidFile = (data: ProfileData) => ({
  adjustments: data.cpuid.map((entry) => [
    {
      leaf: toHex(entry.leaf),
      sub_leaf: { start: toHex(entry.subleaf), end: toHex(entry.lastSubleaf) },
      register: entry.register.toUpperCase(),
    },
    { replacements: toHex(entry.value), mask: toHex(entry.mask) },
  ]),
});

const msrFile = (data: ProfileData) => ({
  adjustments: data.featureMsrs.map((msr) => [
    toHex(msr.index),
    { replacements: toHex(msr.value), mask: toHex(msr.mask) },
  ]),
  required_msrs: data.requiredMsrs.map(toHex),
});

function findings(profile: Profile): FidelityFinding[] {
  const result: FidelityFinding[] = [
    {
      code: 'VendorNotStated',
      severity: 'note',
      where: {},
      name: profile.vendor,
      message: 'the files do not name the vendor: only the fixed vendor string of leaf 0 tells it',
    },
  ];
  if (profile.filter !== 'none') {
    result.push({
      code: 'FilterNotApplied',
      severity: 'warning',
      where: {},
      name: profile.filter,
      message:
        'Cloud Hypervisor applies no MSR filter, and the Cyberus fork one of its own that denies known MSRs: ' +
        'apply kvm-msr-filter.json before the first vCPU runs to get the filter of the profile',
    });
  }
  result.push(...overwritten('Cloud Hypervisor', REWRITES, profile.data, definitionsFor(profile.vendor)));
  return result;
}

const adjustment = z.object({ replacements: z.string(), mask: z.string() });
const REGISTER_NAMES = { EAX: 'eax', EBX: 'ebx', ECX: 'ecx', EDX: 'edx' } as const satisfies Record<
  string,
  Register
>;
const upperRegister = z.enum(['EAX', 'EBX', 'ECX', 'EDX']).transform((name) => REGISTER_NAMES[name]);
const cpuidSchema = z.object({
  adjustments: z.array(
    z.tuple([
      z.object({
        leaf: z.string(),
        sub_leaf: z.object({ start: z.string(), end: z.string() }),
        register: upperRegister,
      }),
      adjustment,
    ]),
  ),
});
const msrSchema = z.object({
  adjustments: z.array(z.tuple([z.string(), adjustment])),
  required_msrs: z.array(z.string()),
});

/** Reads both files back. Throws InputError naming the file and the place. Notes say which repeats were merged. */
export function cloudHypervisorData(files: { cpuid: string; msr: string }): {
  data: ProfileData;
  notes: string[];
} {
  const cpuid = parseFile(CPUID_FILE, files.cpuid, cpuidSchema);
  const msr = parseFile(MSR_FILE, files.msr, msrSchema);
  return profileDataFromWire(
    {
      cpuid: cpuid.adjustments.map(([{ leaf, sub_leaf, register }, { replacements, mask }]) => ({
        leaf,
        subleaf: sub_leaf.start,
        lastSubleaf: sub_leaf.end,
        register,
        mask,
        value: replacements,
      })),
      featureMsrs: msr.adjustments.map(([index, { replacements, mask }]) => ({
        index,
        mask,
        value: replacements,
      })),
      requiredMsrs: msr.required_msrs,
    },
    'adjustments',
  );
}
