/**
 * Firecracker's custom CPU template. A template only changes entries that the host has: it is an error to name a leaf
 * the host lacks, and a leaf that nobody names stays the host's. So only leaves with a bit fixed to 1 are written,
 * which a compatible host has; everything else is told as fidelity findings.
 */
import * as z from 'zod';
import { definitionsFor } from '../definitions/definitions.ts';
import type { Definitions } from '../definitions/types.ts';
import { mask32, minus32, not32, toHex } from '../model/numbers.ts';
import {
  type CpuidAdjustment,
  type MsrAdjustment,
  type Profile,
  type ProfileData,
  profileDataFromWire,
} from '../model/profile.ts';
import { REGISTERS } from '../model/registers.ts';
import {
  applies,
  type Consumer,
  fieldNames,
  type FidelityFinding,
  overwritten,
  placeOf,
  type Rewrite,
} from './fidelity.ts';
import { fromBitmap, toBitmap } from './firecracker-bitmap.ts';
import { FIRECRACKER_NORMALIZATION } from './firecracker-normalization.ts';
import { rowsJson, type Rendering } from './format.ts';
import { parseFile } from './parse-file.ts';
import { entryFlags } from './significant-index.ts';

const FILE = 'firecracker.json';

const CONSUMERS: readonly Consumer[] = [
  {
    name: 'Firecracker',
    honours: { cpuid: true, featureMsrs: true, requiredMsrs: false, filter: false },
    source: 'firecracker-microvm/firecracker, src/vmm/src/cpu_config/x86_64 and docs/cpu_templates, 1.16',
  },
];

/** The template of `profile`, and what gets lost on the way. */
export function renderFirecracker(profile: Profile): Rendering {
  const { data } = profile;
  const template = {
    kvm_capabilities: [],
    cpuid_modifiers: expressible(data).map(([first, ...others]) => ({
      leaf: toHex(first.leaf),
      subleaf: toHex(first.subleaf),
      flags: entryFlags(first),
      modifiers: [first, ...others].map(({ register, mask, value }) => ({
        register,
        bitmap: toBitmap(BigInt(mask), BigInt(value), 32),
      })),
    })),
    msr_modifiers: data.featureMsrs.map(({ index, mask, value }) => ({
      addr: toHex(index),
      bitmap: toBitmap(mask, value, 64),
    })),
  };
  return { files: { [FILE]: rowsJson(template) }, consumers: CONSUMERS, findings: findings(profile) };
}

/** The four registers of one leaf and subleaf as a guest sees them: what the profile lists, 0 for the others. */
type Entry = readonly [CpuidAdjustment, ...CpuidAdjustment[]];

function expressible({ cpuid }: ProfileData): Entry[] {
  const rowsOf = Map.groupBy(cpuid, ({ leaf }) => leaf);
  const entries = new Map<string, Entry>();
  for (const { leaf, subleaf, lastSubleaf, value } of cpuid) {
    const key = `${leaf}.${subleaf}`;
    if (value === 0 || subleaf !== lastSubleaf || entries.has(key)) continue;
    const [eax, ...others] = REGISTERS.map((register): CpuidAdjustment => {
      const listed = rowsOf
        .get(leaf)
        ?.find((row) => row.register === register && row.subleaf <= subleaf && subleaf <= row.lastSubleaf);
      return { leaf, subleaf, lastSubleaf, register, mask: listed?.mask ?? 0, value: listed?.value ?? 0 };
    });
    if (eax !== undefined) entries.set(key, [eax, ...others]);
  }
  return [...entries.values()];
}

function findings(profile: Profile): FidelityFinding[] {
  const { data, vendor } = profile;
  const definitions = definitionsFor(vendor);
  const result: FidelityFinding[] = [
    {
      code: 'UnlistedLeavesKept',
      severity: 'warning',
      where: {},
      name: 'leaves the template does not name',
      message: 'a profile makes every leaf it does not list zero; a template leaves it as the host has it',
    },
    {
      code: 'VendorNotStated',
      severity: 'note',
      where: {},
      name: vendor,
      message: 'a template does not name the vendor, and Firecracker shows guests that of the host',
    },
  ];
  if (data.requiredMsrs.length > 0) {
    result.push({
      code: 'RequiredMsrsNotExpressible',
      severity: 'warning',
      where: {},
      name: `${data.requiredMsrs.length} required MSRs`,
      message: 'a template cannot ask the host for an MSR without changing it: choose the host by its label',
    });
  }
  if (profile.filter !== 'none') {
    result.push({
      code: 'FilterNotApplied',
      severity: 'warning',
      where: {},
      name: profile.filter,
      message: 'Firecracker applies no MSR filter: a guest reaches MSRs that the profile does not permit',
    });
  }
  const rewrites = FIRECRACKER_NORMALIZATION[vendor];
  result.push(...lostRows(data, rewrites, definitions));
  result.push(...overwritten('Firecracker', rewrites, data, definitions));
  return result;
}

/** The rows that the template leaves to the host although they fix bits which Firecracker does not write anyway. */
function lostRows(
  data: ProfileData,
  rewrites: readonly Rewrite[],
  definitions: Definitions,
): FidelityFinding[] {
  const written = new Set(expressible(data).map(([first]) => `${first.leaf}.${first.subleaf}`));
  return data.cpuid.flatMap((entry): FidelityFinding[] => {
    const range = entry.subleaf !== entry.lastSubleaf;
    const lost = rewrites
      .filter((rewrite) => applies(rewrite, entry))
      .reduce((bits, { first, last }) => minus32(bits, mask32(first, last)), not32(entry.mask));
    if (lost === 0 || (!range && written.has(`${entry.leaf}.${entry.subleaf}`))) return [];
    return [
      {
        code: range ? 'CpuidRangeNotExpressible' : 'CpuidZeroNotExpressible',
        severity: 'warning',
        where: placeOf(entry),
        name: fieldNames(definitions, entry, lost),
        message: range
          ? `a template cannot name subleaves ${toHex(entry.subleaf)} to ${toHex(entry.lastSubleaf)}: they stay as the host has them`
          : `the profile clears ${toHex(lost)} here; a template that names a leaf the host lacks is refused, so the host's bits stay`,
      },
    ];
  });
}

const schema = z.object({
  cpuid_modifiers: z
    .array(
      z.object({
        leaf: z.string(),
        subleaf: z.string(),
        modifiers: z.array(z.object({ register: z.enum(REGISTERS), bitmap: z.string() })),
      }),
    )
    .default([]),
  msr_modifiers: z.array(z.object({ addr: z.string(), bitmap: z.string() })).default([]),
});

/**
 * The adjustments that a template makes; what it cannot say is not in it, so this is a part of a profile.
 * Throws InputError naming the place.
 */
export function firecrackerAdjustments(text: string): {
  cpuid: readonly CpuidAdjustment[];
  featureMsrs: readonly MsrAdjustment[];
} {
  const template = parseFile(FILE, text, schema);
  const { data } = profileDataFromWire(
    {
      cpuid: template.cpuid_modifiers.flatMap(({ leaf, subleaf, modifiers }, i) =>
        modifiers.map(({ register, bitmap }, j) => ({
          leaf,
          subleaf,
          register,
          ...fromBitmap(bitmap, 32, `${FILE}.cpuid_modifiers.${i}.modifiers.${j}.bitmap`),
        })),
      ),
      featureMsrs: template.msr_modifiers.map(({ addr, bitmap }, i) => ({
        index: addr,
        ...fromBitmap(bitmap, 64, `${FILE}.msr_modifiers.${i}.bitmap`),
      })),
    },
    FILE,
  );
  return { cpuid: data.cpuid, featureMsrs: data.featureMsrs };
}
