/** What of one register is compared: the bits in which some host could offend, and their fields for whoever asks. */
import { rowMasks } from '../definitions/row-masks.ts';
import type { CpuidDefinition } from '../definitions/types.ts';
import type { FindingClass, Relation } from '../model/finding.ts';
import { and32, mask32, minus32, or32, U32_MAX } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import { writtenLater } from './exceptions.ts';
import { ownerOffered } from './owners.ts';

/** One comparison inside a register. */
export interface FieldCheck {
  readonly mask: number;
  readonly relation: Relation;
  readonly name: string;
  readonly class: FindingClass;
}

/** What is compared in one register, or in the same register of every subleaf in a range. */
export interface RegisterCheck {
  readonly leaf: number;
  readonly subleaf: number;
  readonly lastSubleaf: number;
  readonly register: Register;
  readonly mask: number;
  readonly value: number;
  /**
   * subset, superset and equal ask of single bits that they are set, clear or as in the profile, so a host is fine when
   * (host & care) = expected, whatever the fields are.
   */
  readonly care: number;
  readonly expected: number;
  /** The bits of the numbers that the host must reach. */
  readonly atMost: number;
  /** Where the names come from. */
  readonly row: CpuidDefinition | undefined;
  /** Bits that nobody compares. */
  readonly later: number;
}

/** The name of bits that no table names: a hand-written profile may fix them all the same. */
export const UNNAMED = 'bits without a name';

/** Adds what is compared in `piece`, which lies within `row` or where no row is; often that is nothing. */
export function compileRegister(
  profile: Profile,
  piece: CpuidAdjustment,
  row: CpuidDefinition | undefined,
  registers: RegisterCheck[],
): void {
  const { leaf, subleaf, lastSubleaf, register, mask, value } = piece;
  const masks = rowMasks(row);
  const shown = minus32(value, masks.named) | and32(value, masks.subset);
  const hidden = minus32(masks.superset, mask | value);
  const same = minus32(masks.equal, mask);
  const numbers = and32(value, masks.atMost);
  if ((shown | hidden | same | numbers) === 0) return;

  const later = writtenLater(profile.vendor, leaf, subleaf, register);
  const owned = minus32(same, later) === 0 ? 0 : ownedBits(profile, piece, row, minus32(same, later));
  const care = or32(minus32(shown | hidden, later), owned);
  const atMost = minus32(numbers, later) === 0 ? 0 : reachedBits(row, minus32(value, later));
  if (care === 0 && atMost === 0) return;
  const expected = and32(care, value);
  registers.push({
    leaf,
    subleaf,
    lastSubleaf,
    register,
    mask,
    value,
    care,
    expected,
    atMost,
    row,
    later,
  });
}

/**
 * Of the bits that must be equal, those that count: a size of something that is not offered matters to nobody, and one
 * that is fixed all the same is held against the host.
 */
function ownedBits(
  { data }: Profile,
  piece: CpuidAdjustment,
  row: CpuidDefinition | undefined,
  same: number,
): number {
  if (ownerOffered(data, piece.leaf, piece.subleaf)) return same;
  return fieldBits(row, 'equal', (bits) => and32(piece.value, and32(bits, same)) !== 0) & same;
}

const reachedBits = (row: CpuidDefinition | undefined, value: number): number =>
  fieldBits(row, 'at-most', (bits) => and32(value, bits) !== 0);

function fieldBits(
  row: CpuidDefinition | undefined,
  relation: Relation,
  counts: (bits: number) => boolean,
): number {
  let all = 0;
  for (const field of row?.fields ?? []) {
    const bits = mask32(field.first, field.last);
    if (field.relation === relation && counts(bits)) all = or32(all, bits);
  }
  return all;
}

/** The fields that are compared in a register, in the order of their bits; bits without a name come last. */
export function fieldsOf({ row, care, atMost, later }: RegisterCheck): FieldCheck[] {
  const fields: FieldCheck[] = [];
  let named = later;
  for (const { first, last, relation, name, class: class_ } of row?.fields ?? []) {
    const bits = mask32(first, last);
    named = or32(named, bits);
    const asked = relation === 'at-most' ? atMost : care;
    if (and32(bits, asked) !== 0) fields.push({ mask: minus32(bits, later), relation, name, class: class_ });
  }
  const nameless = minus32(care, named);
  if (nameless !== 0) fields.push({ mask: nameless, relation: 'subset', name: UNNAMED, class: 'isa' });
  return fields;
}

/** A number as wide as its register that the host must reach. */
export const wholeRegister = (
  { leaf, subleaf, lastSubleaf, register }: CpuidAdjustment,
  value: number,
  row: CpuidDefinition | undefined,
): RegisterCheck => ({
  leaf,
  subleaf,
  lastSubleaf,
  register,
  mask: 0,
  value,
  care: 0,
  expected: 0,
  atMost: U32_MAX,
  row,
  later: 0,
});
