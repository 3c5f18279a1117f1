/**
 * Comparing two registers field by field: what differs, by name, and whether the right side gains or loses by it. Gain
 * and loss follow the relation of the row: a clear RRSBA is a gain, however the bit reads.
 */
import type { Field } from '../definitions/types.ts';
import type { FindingClass, Relation, Where } from '../model/finding.ts';
import { bitsOf, mask64, toHex } from '../model/numbers.ts';

/** `gained`: the right side offers or promises more; `lost`: less; `changed`: neither can be said. */
export type Change = 'gained' | 'lost' | 'changed';

/** One field in which two profiles or two snapshots differ. */
export interface Difference {
  readonly where: Where;
  /** The differing bits, rising; empty for what is there or not as a whole (an MSR, a capability). */
  readonly bits: readonly number[];
  readonly name: string;
  readonly class: FindingClass;
  readonly relation: Relation;
  readonly change: Change;
  /** Hex of the field's value, `host` for bits that a profile leaves to the host, `absent`, `not observed`, or a word. */
  readonly left: string;
  readonly right: string;
}

/** A register: bits of `mask` are the host's (profiles only), the rest is `value`. */
export interface Word {
  readonly mask: bigint;
  readonly value: bigint;
}

export const NO_WORD: Word = { mask: 0n, value: 0n };

/** The name of differing bits that no table names. */
export const UNNAMED_BITS = 'bits without a name';

/** The fields of a register of `width` bits; bits without a row are one field more, compared as `nameless` says. */
export interface Layout {
  readonly where: Where;
  readonly fields: readonly Field[];
  readonly width: 32 | 64;
  readonly nameless: readonly { readonly mask: bigint; readonly relation: Relation }[];
}

/** The differences of `left` and `right`, by field, lowest bits first. */
export function diffWords(layout: Layout, left: Word, right: Word): Difference[] {
  const all = mask64(0, layout.width - 1);
  if (((left.value ^ right.value) & all) === 0n && ((left.mask ^ right.mask) & all) === 0n) return [];
  let rest = all;
  const differences: Difference[] = [];
  for (const { first, last, name, class: class_, relation } of layout.fields) {
    const bits = mask64(first, last);
    rest &= ~bits;
    differences.push(...diffField(layout.where, { name, class: class_, relation, bits }, left, right));
  }
  for (const { mask, relation } of layout.nameless) {
    const about = { name: UNNAMED_BITS, class: 'isa' as const, relation, bits: rest & mask };
    differences.push(...diffField(layout.where, about, left, right));
  }
  return differences;
}

interface About {
  readonly name: string;
  readonly class: FindingClass;
  readonly relation: Relation;
  readonly bits: bigint;
}

function diffField(where: Where, about: About, left: Word, right: Word): Difference[] {
  const { bits, relation } = about;
  const ofHost = (left.mask | right.mask) & bits;
  const differing = ((left.value ^ right.value) | (left.mask ^ right.mask)) & bits;
  if (differing === 0n) return [];
  const difference = (change: Change, which: bigint): Difference => ({
    where,
    bits: bitsOf(which),
    name: about.name,
    class: about.class,
    relation,
    change,
    left: shown(left, bits),
    right: shown(right, bits),
  });
  if (relation === 'subset' || relation === 'superset') {
    const more = right.value & ~left.value & differing & ~ofHost;
    const less = left.value & ~right.value & differing & ~ofHost;
    const [gained, lost] = relation === 'subset' ? [more, less] : [less, more];
    const parts = [
      ['gained', gained],
      ['lost', lost],
      ['changed', differing & ofHost],
    ] as const;
    return parts.filter(([, which]) => which !== 0n).map(([change, which]) => difference(change, which));
  }
  if (relation === 'at-most' && ofHost === 0n) {
    return [difference((right.value & bits) > (left.value & bits) ? 'gained' : 'lost', differing)];
  }
  return [difference('changed', differing)];
}

/** The field moved down to bit 0; `host` where all of it is the host's. */
function shown({ mask, value }: Word, bits: bigint): string {
  const lowest = bits & -bits;
  const down = (word: bigint): string => toHex((word & bits) / lowest);
  if ((mask & bits) === bits) return 'host';
  return (mask & bits) === 0n ? down(value) : `${down(value)}, host ${down(mask)}`;
}
