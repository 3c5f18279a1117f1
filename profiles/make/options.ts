/**
 * The options nested, amx and hyperv: what it means to take each away from a profile, and whether a profile has it.
 * Which CPUID fields belong to an option stands in the tables; which MSRs do, here and in the tables.
 */
import type { CpuidBit, CpuidDefinition, Definitions, PermittedMsr } from '../definitions/types.ts';
import { and32, mask32, minus32, or32, U32_MAX } from '../model/numbers.ts';
import type { CpuidAdjustment, ProfileData, ProfileOptions } from '../model/profile.ts';
import { compareCpuidPlaces, REGISTERS, type Register } from '../model/registers.ts';
import { canBeOne, contains } from '../msr-filter/permitted.ts';
import { NESTING_BIT } from '../verdict/bits.ts';
import { isVmxMsr } from '../verdict/exceptions.ts';
import { recomputeXsaveSize } from './xsave.ts';

export type OptionName = keyof ProfileOptions;
export const OPTION_NAMES: readonly OptionName[] = ['nested', 'amx', 'hyperv'];

/** AMX-TILE, CPUID 7.0:EDX[24] (Intel SDM vol. 2A). */
export const AMX_TILE: CpuidBit = { leaf: 0x7, subleaf: 0, register: 'edx', bit: 24 };

/** Does the profile show guests what the option stands for? */
export function hasOption(data: ProfileData, option: OptionName, definitions: Definitions): boolean {
  switch (option) {
    case 'nested':
      return canBeOne(data, NESTING_BIT[definitions.vendor]);
    case 'amx':
      return canBeOne(data, AMX_TILE);
    case 'hyperv':
      return data.requiredMsrs.some((index) => contains(definitions.hyperv, index));
  }
}

/** `data` without what the option stands for. Taking away what is not there changes nothing but stray bits of it. */
export function withoutOption(data: ProfileData, option: OptionName, definitions: Definitions): ProfileData {
  switch (option) {
    case 'nested':
      return withoutNesting(data, definitions);
    case 'amx':
      return withoutUnannounced(
        data,
        recomputeXsaveSize(withoutFields(data, 'amx', definitions)),
        definitions,
      );
    case 'hyperv':
      return {
        ...data,
        requiredMsrs: data.requiredMsrs.filter((index) => !contains(definitions.hyperv, index)),
      };
  }
}

function withoutNesting(data: ProfileData, definitions: Definitions): ProfileData {
  const rest = withoutFields(data, 'nested', definitions);
  const nestedOnly = definitions.permitted.filter(({ option }) => option === 'nested');
  return withoutUnannounced(
    data,
    {
      ...rest,
      featureMsrs: rest.featureMsrs.filter(({ index }) => !isVmxMsr(index)),
      requiredMsrs: rest.requiredMsrs.filter((index) => !isVmxMsr(index) && !contains(nestedOnly, index)),
    },
    definitions,
  );
}

/** Bits of one register in a range of subleaves, that go with an option or another feature. */
export interface RegisterBits {
  readonly leaf: number;
  readonly firstSubleaf: number;
  readonly lastSubleaf: number;
  readonly register: Register;
  readonly bits: number;
}

/** Zeroes every field that exists only with the option; a leaf that has no other fields becomes 0 as a whole. */
function withoutFields(data: ProfileData, option: OptionName, definitions: Definitions): ProfileData {
  const cpuid = optionBits(option, definitions).reduce<readonly CpuidAdjustment[]>(
    (entries, row) => entries.flatMap((entry) => withoutBits(entry, row)),
    data.cpuid,
  );
  return { ...data, cpuid: [...cpuid].sort(compareCpuidPlaces) };
}

// A derived view, kept as long as the definitions it belongs to.
const known = new WeakMap<Definitions, Map<OptionName, RegisterBits[]>>();

function optionBits(option: OptionName, definitions: Definitions): RegisterBits[] {
  const ofOptions = known.get(definitions) ?? new Map<OptionName, RegisterBits[]>();
  known.set(definitions, ofOptions);
  const bits = ofOptions.get(option) ?? collectOptionBits(option, definitions);
  ofOptions.set(option, bits);
  return bits;
}

function collectOptionBits(option: OptionName, { cpuid }: Definitions): RegisterBits[] {
  const wholly = (row: CpuidDefinition): boolean => row.fields.every((field) => field.option === option);
  const leaves = new Set(
    cpuid.map(({ leaf }) => leaf).filter((leaf) => cpuid.every((row) => row.leaf !== leaf || wholly(row))),
  );
  const wholeLeaves = [...leaves].flatMap((leaf) =>
    REGISTERS.map((register) => ({ leaf, firstSubleaf: 0, lastSubleaf: U32_MAX, register, bits: U32_MAX })),
  );
  const rows = cpuid.flatMap((row) => {
    const bits = row.fields
      .filter((field) => field.option === option)
      .reduce((mask, field) => or32(mask, mask32(field.first, field.last)), 0);
    return bits === 0 ? [] : [{ ...row, bits: wholly(row) ? U32_MAX : bits }];
  });
  return [...wholeLeaves, ...rows];
}

/** `entry` without `row`'s bits; a range that reaches beyond the row is cut at its borders. */
export function withoutBits(entry: CpuidAdjustment, row: RegisterBits): CpuidAdjustment[] {
  const first = Math.max(entry.subleaf, row.firstSubleaf);
  const last = Math.min(entry.lastSubleaf, row.lastSubleaf);
  const touched = row.leaf === entry.leaf && row.register === entry.register && first <= last;
  if (!touched || and32(or32(entry.mask, entry.value), row.bits) === 0) return [entry];
  const cut = {
    ...entry,
    subleaf: first,
    lastSubleaf: last,
    mask: minus32(entry.mask, row.bits),
    value: minus32(entry.value, row.bits),
  };
  return [
    ...(entry.subleaf < first ? [{ ...entry, lastSubleaf: first - 1 }] : []),
    cut,
    ...(last < entry.lastSubleaf ? [{ ...entry, subleaf: last + 1 }] : []),
  ];
}

/** Drops required MSRs whose announcing bit went away between `before` and `after`. */
export function withoutUnannounced(
  before: ProfileData,
  after: ProfileData,
  { permitted, kvm }: Definitions,
): ProfileData {
  const announced = (data: ProfileData, row: PermittedMsr): boolean =>
    row.anyOf.some((bit) => canBeOne(data, bit));
  const gone = [...permitted, ...kvm].filter((row) => announced(before, row) && !announced(after, row));
  return { ...after, requiredMsrs: after.requiredMsrs.filter((index) => !contains(gone, index)) };
}
