/** What a feature name stands for: bits of CPUID registers and of feature MSRs, found in the tables or written as a place. */
import { fieldAt, findCpuid, findFeatureMsr } from '../definitions/lookup.ts';
import { bitsCalled } from '../definitions/names/names.ts';
import type { Definitions, Field, MsrDefinition } from '../definitions/types.ts';
import type { Relation } from '../model/finding.ts';
import { InputError } from '../model/input-error.ts';
import { mask32, mask64, parseU32, toHex, U32_MAX, U64_MAX } from '../model/numbers.ts';
import { REGISTERS, type Register } from '../model/registers.ts';
import { isVmxMsr, VMX_HALVES } from '../verdict/exceptions.ts';
import { nearest } from './derive-near-names.ts';

/** Bits of one register in a range of subleaves. */
export interface CpuidTarget {
  readonly kind: 'cpuid';
  readonly leaf: number;
  readonly firstSubleaf: number;
  readonly lastSubleaf: number;
  readonly register: Register;
  readonly bits: number;
  readonly name: string;
  readonly relation: Relation;
}

/** Bits of one feature MSR. */
export interface MsrTarget {
  readonly kind: 'msr';
  readonly index: number;
  readonly bits: bigint;
  readonly name: string;
  readonly relation: Relation;
}

/** A feature MSR as a whole: it is neither set nor required any more. */
export interface WholeMsrTarget {
  readonly kind: 'whole-msr';
  readonly index: number;
  readonly name: string;
}

export type Target = CpuidTarget | MsrTarget | WholeMsrTarget;

/**
 * The places of `name`: a field's name (every place that has it), the name or index of a feature MSR, a place such as
 * `7.0:EDX[26]`, `0x10a[17]` or `MSR 0x10a[5,13]`, or what QEMU, libvirt or Linux call a bit. Throws InputError for anything else, with the nearest names.
 */
export function targetsNamed(name: string, definitions: Definitions): Target[] {
  const own = [...atPlace(name, definitions), ...byName(name, definitions)];
  const found = own.length > 0 ? own : byOtherName(name, definitions);
  if (found.length > 0) return found;
  const near = nearest(name, allNames(definitions));
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`;
  throw new InputError('without', `no feature of ${definitions.vendor} CPUs is called "${name}"${hint}`);
}

const same = (left: string, right: string): boolean => left.toLowerCase() === right.toLowerCase();

function byName(name: string, definitions: Definitions): Target[] {
  const cpuid = definitions.cpuid.flatMap((row) =>
    row.fields
      .filter((field) => same(field.name, name))
      .map((field): Target => ({
        kind: 'cpuid',
        leaf: row.leaf,
        firstSubleaf: row.firstSubleaf,
        lastSubleaf: row.lastSubleaf,
        register: row.register,
        bits: mask32(field.first, field.last),
        name: field.name,
        relation: field.relation,
      })),
  );
  const msrs = definitions.featureMsrs.flatMap((row) => [
    ...(same(row.name, name) ? [wholeMsr(row)] : []),
    ...row.fields.filter((field) => same(field.name, name)).map((field) => msrField(row, field)),
  ]);
  return [...cpuid, ...msrs];
}

/** What QEMU, libvirt or Linux call so, as far as this vendor's tables have it. */
function byOtherName(name: string, definitions: Definitions): Target[] {
  return bitsCalled(name).flatMap(({ place }) => {
    if ('msr' in place) {
      const row = findFeatureMsr(definitions, place.msr);
      return row === undefined ? [] : msrPlace(row, [place.bit]);
    }
    const { leaf, subleaf, register, bit } = place;
    const field = fieldAt(findCpuid(definitions, leaf, subleaf, register)?.fields ?? [], bit);
    if (field === undefined) return [];
    return cpuidPlace(leaf, subleaf, register, [bit], definitions);
  });
}

const wholeMsr = ({ index, name }: MsrDefinition): Target => ({ kind: 'whole-msr', index, name });

const msrField = ({ index }: MsrDefinition, { first, last, name, relation }: Field): Target => ({
  kind: 'msr',
  index,
  bits: mask64(first, last),
  name,
  relation,
});

const CPUID_PLACE = /^(?:cpuid\s+)?(?:0x)?([0-9a-f]{1,8})\.(?:0x)?([0-9a-f]{1,8}):(e[abcd]x)\[([\d,:]+)\]$/i;
const MSR_PLACE = /^(?:msr\s+)?(0x[0-9a-f]{1,8})(?:\[([\d,:]+)\])?$/i;

function atPlace(text: string, definitions: Definitions): Target[] {
  const cpuid = CPUID_PLACE.exec(text);
  if (cpuid !== null) {
    const [, leaf = '', subleaf = '', register = '', bits = ''] = cpuid;
    return cpuidPlace(
      Number.parseInt(leaf, 16),
      Number.parseInt(subleaf, 16),
      register.toLowerCase(),
      bitNumbers(bits, 31, text),
      definitions,
    );
  }
  const msr = MSR_PLACE.exec(text);
  if (msr === null) return [];
  const [, index = '', bits] = msr;
  const row = findFeatureMsr(definitions, parseU32(index) ?? 0);
  if (row === undefined) return [];
  return bits === undefined ? [wholeMsr(row)] : msrPlace(row, bitNumbers(bits, 63, text));
}

function cpuidPlace(
  leaf: number,
  subleaf: number,
  registerName: string,
  bits: readonly number[],
  definitions: Definitions,
): Target[] {
  const register = REGISTERS.find((each) => each === registerName);
  if (register === undefined) return [];
  const row = findCpuid(definitions, leaf, subleaf, register);
  return bits.map((bit) => {
    const field = row && fieldAt(row.fields, bit);
    return {
      kind: 'cpuid',
      leaf,
      firstSubleaf: subleaf,
      lastSubleaf: subleaf,
      register,
      bits: mask32(bit, bit),
      name: field?.name ?? `${toHex(leaf)}.${toHex(subleaf)}:${register}[${bit}]`,
      relation: field?.relation ?? 'subset',
    };
  });
}

const msrPlace = (row: MsrDefinition, bits: readonly number[]): Target[] =>
  bits.map((bit) => {
    const field = fieldAt(row.fields, bit);
    return {
      kind: 'msr',
      index: row.index,
      bits: mask64(bit, bit),
      name: field?.name ?? `${toHex(row.index)}[${bit}]`,
      relation: field?.relation ?? namelessRelation(row, bit),
    };
  });

function namelessRelation(row: MsrDefinition, bit: number): Relation {
  if (row.undefinedBits !== 'halves') return row.undefinedBits;
  return VMX_HALVES.find(({ mask }) => (mask & mask64(bit, bit)) !== 0n)?.relation ?? 'subset';
}

/** `26`, `5,13` or `9:7`. */
function bitNumbers(text: string, highest: number, place: string): number[] {
  const bits = text.split(',').flatMap((part) => {
    const [one = NaN, other = one] = part.split(':').map((each) => (each === '' ? NaN : Number(each)));
    const [first, last] = [Math.min(one, other), Math.max(one, other)];
    if (!(first >= 0 && last <= highest)) {
      throw new InputError('without', `"${place}" names no bits between 0 and ${highest}`);
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return [...new Set(bits)].sort((left, right) => left - right);
}

/** Names that stand for something which can be taken away. */
function allNames({ cpuid, featureMsrs }: Definitions): string[] {
  const fields = [...cpuid, ...featureMsrs.filter(({ index }) => !isVmxMsr(index))].flatMap(
    (row) => row.fields,
  );
  const takeable = fields.filter(({ relation }) => relation !== 'identity' && relation !== 'ignore');
  return [...new Set([...takeable.map(({ name }) => name), ...featureMsrs.map(({ name }) => name)])];
}

/** Whether two targets meet in a bit. */
export function meets(left: Target, right: Target): boolean {
  if (left.kind === 'cpuid' || right.kind === 'cpuid') {
    return (
      left.kind === 'cpuid' &&
      right.kind === 'cpuid' &&
      left.leaf === right.leaf &&
      left.register === right.register &&
      left.firstSubleaf <= right.lastSubleaf &&
      right.firstSubleaf <= left.lastSubleaf &&
      (left.bits & right.bits) !== 0
    );
  }
  const bits = (target: MsrTarget | WholeMsrTarget): bigint =>
    target.kind === 'msr' ? target.bits : U64_MAX;
  return left.index === right.index && (bits(left) & bits(right)) !== 0n;
}

/** Every bit of `leaf`.`subleaf`, in all four registers. */
export const wholeEntry = (leaf: number, subleaf: number, name: string): Target[] =>
  REGISTERS.map((register) => ({
    kind: 'cpuid',
    leaf,
    firstSubleaf: subleaf,
    lastSubleaf: subleaf,
    register,
    bits: U32_MAX,
    name,
    relation: 'subset',
  }));
