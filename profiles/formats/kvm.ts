/** `kvm.json`: a profile for a VMM that makes the ioctls itself. It says everything a profile says. */
import * as z from 'zod';
import { toHex } from '../model/numbers.ts';
import {
  type CpuidAdjustment,
  type Profile,
  type ProfileData,
  profileDataFromWire,
} from '../model/profile.ts';
import { REGISTERS, VENDORS, type Vendor } from '../model/registers.ts';
import { u32 } from '../model/snapshot.ts';
import type { CompiledFilter } from '../msr-filter/compile.ts';
import { filterFromWire, filterToWire, NOT_FILTERABLE } from '../msr-filter/wire.ts';
import type { Consumer, FidelityFinding } from './fidelity.ts';
import { rowsJson, type Rendering } from './format.ts';
import { parseFile } from './parse-file.ts';
import { savedMsrs, type SavedMsrs } from './saved-msrs.ts';
import { entryFlags } from './significant-index.ts';

const FILE = 'kvm.json';

const CONSUMERS: readonly Consumer[] = [
  {
    name: 'a VMM that calls KVM_SET_CPUID2, KVM_SET_MSRS and KVM_X86_SET_MSR_FILTER itself',
    honours: { cpuid: true, featureMsrs: true, requiredMsrs: true, filter: true },
    source: 'Linux Documentation/virt/kvm/api.rst',
  },
];

/** `kvm.json` of `profile`. `digest` names the profile in it. */
export function renderKvm(profile: Profile, digest: string, filter: CompiledFilter): Rendering {
  const saved = savedMsrs(profile);
  const file = {
    profile: digest,
    vendor: profile.vendor,
    // guest = (host & mask) | value; a register of no entry is 0.
    cpuid: entries(profile.data),
    featureMsrs: profile.data.featureMsrs.map(({ index, mask, value }) => ({
      index: toHex(index),
      mask: toHex(mask),
      value: toHex(value),
    })),
    requiredMsrs: profile.data.requiredMsrs.map(toHex),
    savedMsrs: {
      always: saved.always.map(toHex),
      whereReadable: saved.whereReadable.map(toHex),
      whereListed: saved.whereListed.map(toHex),
    },
    filter: filterToWire(filter),
  };
  return { files: { [FILE]: rowsJson(file) }, consumers: CONSUMERS, findings: findings(profile) };
}

/** Registers of the same leaf and subleaves together, with the flags of their kvm_cpuid_entry2. */
function entries({ cpuid }: ProfileData) {
  const groups = new Map<string, [CpuidAdjustment, ...CpuidAdjustment[]]>();
  for (const row of cpuid) {
    const key = `${row.leaf}.${row.subleaf}.${row.lastSubleaf}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()].map((group) => {
    const [first] = group;
    return {
      leaf: toHex(first.leaf),
      subleaf: toHex(first.subleaf),
      ...(first.lastSubleaf !== first.subleaf && { lastSubleaf: toHex(first.lastSubleaf) }),
      flags: entryFlags(first),
      ...Object.fromEntries(
        group.map(({ register, mask, value }) => [register, { mask: toHex(mask), value: toHex(value) }]),
      ),
    };
  });
}

const findings = (profile: Profile): FidelityFinding[] =>
  profile.filter === 'none'
    ? []
    : [
        {
          code: 'MsrNotFilterable',
          severity: 'note',
          where: {},
          name: `MSRs ${toHex(NOT_FILTERABLE.first)} to ${toHex(NOT_FILTERABLE.last)}`,
          message: NOT_FILTERABLE.why,
        },
      ];

const fixed = z.object({ mask: z.string(), value: z.string() });
const indices = z.array(z.string());
const schema = z.object({
  profile: z.string(),
  vendor: z.enum(VENDORS),
  cpuid: z.array(
    z.object({
      leaf: z.string(),
      subleaf: z.string(),
      lastSubleaf: z.string().optional(),
      eax: fixed.optional(),
      ebx: fixed.optional(),
      ecx: fixed.optional(),
      edx: fixed.optional(),
    }),
  ),
  featureMsrs: z.array(z.object({ index: z.string(), mask: z.string(), value: z.string() })),
  requiredMsrs: indices,
  savedMsrs: z.object({ always: indices, whereReadable: indices, whereListed: indices }),
  filter: z.unknown(),
});

export interface KvmFile {
  readonly digest: string;
  readonly vendor: Vendor;
  readonly data: ProfileData;
  readonly saved: SavedMsrs;
  readonly filter: CompiledFilter;
}

/** Reads `kvm.json` back. Throws InputError naming the place. */
export function kvmFile(text: string): KvmFile {
  const file = parseFile(FILE, text, schema);
  const { data } = profileDataFromWire(
    {
      cpuid: file.cpuid.flatMap(({ leaf, subleaf, lastSubleaf, ...registers }) =>
        REGISTERS.flatMap((register) => {
          const row = registers[register];
          return row === undefined ? [] : [{ leaf, subleaf, lastSubleaf, register, ...row }];
        }),
      ),
      featureMsrs: file.featureMsrs,
      requiredMsrs: file.requiredMsrs,
    },
    FILE,
  );
  const numbers = (list: 'always' | 'whereReadable' | 'whereListed'): number[] =>
    file.savedMsrs[list].map((index, i) => u32(index, `${FILE}.savedMsrs.${list}[${i}]`));
  return {
    digest: file.profile,
    vendor: file.vendor,
    data,
    saved: {
      always: numbers('always'),
      whereReadable: numbers('whereReadable'),
      whereListed: numbers('whereListed'),
    },
    filter: filterFromWire(file.filter),
  };
}
