/**
 * How the tables are written down: one field a row, in the order of the manual's columns: bits, name, policy,
 * relation, class, marks. The builders here turn rows into definitions; the rows are what people maintain.
 */
import type { FindingClass, Relation } from '../model/finding.ts';
import type { Register } from '../model/registers.ts';
import type {
  CpuidBit,
  CpuidDefinition,
  Field,
  MsrDefinition,
  MsrRange,
  PermittedMsr,
  Policy,
} from './types.ts';

/** Rows of one kind and the publication their names and figures come from. */
export interface Table<T> {
  readonly title: string;
  readonly source: string;
  readonly rows: readonly T[];
}

/** A single number, or the first and the last of a range, both inclusive. */
type Span = number | readonly [first: number, last: number];
/** A number is a static value. */
type PolicyColumn = 'inherit' | 'passthrough' | number;
/** reversed: a set bit is bad news; the others name the option without which the field is zero. */
type Mark = 'nested' | 'amx' | 'hyperv' | 'reversed';

export type FieldRow = readonly [
  bits: Span,
  name: string,
  policy: PolicyColumn,
  relation: Relation,
  class_: FindingClass,
  ...marks: Mark[],
];

const firstOf = (span: Span): number => (typeof span === 'number' ? span : span[0]);
const lastOf = (span: Span): number => (typeof span === 'number' ? span : span[1]);
const policyOf = (column: PolicyColumn): Policy => (typeof column === 'number' ? { static: column } : column);

function field([bits, name, policy, relation, class_, ...marks]: FieldRow): Field {
  const option = marks.find((mark) => mark !== 'reversed');
  return {
    first: firstOf(bits),
    last: lastOf(bits),
    name,
    policy: policyOf(policy),
    relation,
    class: class_,
    ...(option !== undefined && { option }),
    ...(marks.includes('reversed') && { reversed: true }),
  };
}

// Built when somebody first looks: a short-lived program asks for one vendor, and for part of its tables.
const built = new WeakMap<readonly FieldRow[], readonly Field[]>();

function fieldsOf(rows: readonly FieldRow[]): readonly Field[] {
  const known = built.get(rows);
  if (known !== undefined) return known;
  const fields = rows.map(field);
  built.set(rows, fields);
  return fields;
}

/** One register of a CPUID leaf, for one subleaf or a range of them. */
export function cpuid(
  leaf: number,
  subleaves: Span,
  register: Register,
  rows: readonly FieldRow[],
): CpuidDefinition {
  return {
    leaf,
    firstSubleaf: firstOf(subleaves),
    lastSubleaf: lastOf(subleaves),
    register,
    get fields() {
      return fieldsOf(rows);
    },
  };
}

/** Leaves whose subleaves have no end of their own. */
export const ALL_SUBLEAVES: Span = [0, 0xffff_ffff];

/** One MSR-based feature register. */
export function msr(
  index: number,
  name: string,
  use: MsrDefinition['use'],
  undefinedBits: MsrDefinition['undefinedBits'],
  rows: readonly FieldRow[],
): MsrDefinition {
  return {
    index,
    name,
    use,
    undefinedBits,
    get fields() {
      return fieldsOf(rows);
    },
  };
}

/** Bits of the 32-bit control word, its name, and the policies of its two halves where they are not inherit. */
export type ControlRow = readonly [
  bits: Span,
  name: string,
  mustBeOne?: PolicyColumn,
  mayBeOne?: PolicyColumn,
];

/**
 * A VMX control register. Each control stands in it twice: bit n set means that it must be 1 (a host that asks for
 * less is fine: superset), bit 32 + n set means that it may be 1 (subset). SDM vol. 3, appendix A.3.
 */
export function vmxControls(
  index: number,
  name: string,
  use: MsrDefinition['use'],
  rows: readonly ControlRow[],
): MsrDefinition {
  const low = rows.map(([bits, control, policy = 'inherit']): FieldRow => {
    return [bits, `ALLOWED_ZERO_${control}`, policy, 'superset', 'virtualization', 'nested'];
  });
  const high = rows.map(([bits, control, , policy = 'inherit']): FieldRow => {
    const both = [firstOf(bits) + 32, lastOf(bits) + 32] as const;
    return [both, `ALLOWED_ONE_${control}`, policy, 'subset', 'virtualization', 'nested'];
  });
  return msr(index, name, use, 'halves', [...low, ...high]);
}

/** Bits of CR0 or CR4, its name, and the policy where it is not inherit. */
export type ControlRegisterRow = readonly [bits: Span, name: string, policy?: PolicyColumn];

/**
 * IA32_VMX_CRn_FIXED0 and FIXED1: which bits of a control register must be 1 and may be 1 in VMX operation. SDM vol. 3,
 * appendix A.7 and A.8. FIXED1 follows the guest's CPUID and cannot be set, so it is not compared.
 */
export function vmxFixed(
  index: number,
  name: string,
  which: 'FIXED0' | 'FIXED1',
  rows: readonly ControlRegisterRow[],
): MsrDefinition {
  const relation = which === 'FIXED0' ? 'superset' : 'ignore';
  return msr(
    index,
    name,
    which === 'FIXED0' ? 'adjust' : 'required',
    relation,
    rows.map(([bits, bit, policy = 'inherit']): FieldRow => [
      bits,
      bit,
      policy,
      relation,
      'virtualization',
      'nested',
    ]),
  );
}

/** `leaf.subleaf:register[bit]` of a condition. */
export const bit = (leaf: number, subleaf: number, register: Register, number: number): CpuidBit => ({
  leaf,
  subleaf,
  register,
  bit: number,
});

export type PermittedRow = readonly [
  indices: Span,
  name: string,
  access: PermittedMsr['access'],
  anyOf?: readonly CpuidBit[],
  option?: 'nested' | 'hyperv',
];

/** MSRs a profile may permit; a name with a small n stands for a run of equal registers. */
export const permitted = (rows: readonly PermittedRow[]): PermittedMsr[] =>
  rows.map(([indices, name, access, anyOf = [], option]) => ({
    first: firstOf(indices),
    last: lastOf(indices),
    name,
    access,
    anyOf,
    ...(option !== undefined && { option }),
  }));

export type RangeRow = readonly [indices: Span, name: string];

/** MSRs known by number and name only. */
export const ranges = (rows: readonly RangeRow[]): MsrRange[] =>
  rows.map(([indices, name]) => ({ first: firstOf(indices), last: lastOf(indices), name }));
