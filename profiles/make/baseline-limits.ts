/** Who limits what: the fields in which members could do more than their pool, with the members that hold them back. */
import type { Definitions } from '../definitions/types.ts';
import type { FindingClass, Relation, Where } from '../model/finding.ts';
import { bitsOf } from '../model/numbers.ts';
import type { ProfileData } from '../model/profile.ts';
import { REGISTERS } from '../model/registers.ts';
import { LARGEST_LEAF_BASES, writtenLater } from '../verdict/exceptions.ts';
import type { Drop } from './baseline-conflicts.ts';
import { diffData } from './diff-profiles.ts';
import type { Difference } from './diff-fields.ts';

export interface Limit {
  readonly where: Where;
  /** Bits of the field that the pool loses, rising; empty for an MSR as a whole. */
  readonly bits: readonly number[];
  readonly name: string;
  readonly class: FindingClass;
  readonly relation: Relation;
  /** The snapshots without which the pool could have it, if no other feature stood in the way. */
  readonly snapshots: readonly string[];
  /** Every member has the feature, and this, which they must agree on, differs or is missing. */
  readonly with?: string;
}

/** What one member's own profile would be. */
export interface Own {
  readonly name: string;
  readonly data: ProfileData;
}

/** The limits of `pool`, by place. What follows from other fields (largest leaves, sizes) is left out. */
export function limitsOf(
  pool: ProfileData,
  members: readonly Own[],
  drops: readonly Drop[],
  definitions: Definitions,
): Limit[] {
  const gains = new Map<string, { sample: Difference; by: Map<number, Set<string>> }>();
  for (const { name, data } of members) {
    for (const difference of diffData(pool, data, definitions)) {
      const bits = countedBits(difference, definitions);
      if (bits === undefined) continue;
      const key = `${JSON.stringify(difference.where)} ${difference.name}`;
      const gain = gains.get(key) ?? { sample: difference, by: new Map<number, Set<string>>() };
      for (const bit of bits) gain.by.set(bit, (gain.by.get(bit) ?? new Set()).add(name));
      gains.set(key, gain);
    }
  }
  return [...gains.values()].flatMap(({ sample, by }) => split(sample, by, members, drops)).sort(byPlace);
}

/** Stands for the whole where a difference has no bits of its own, or its bits are one value. */
const WHOLE = -1;

/** The bits of a gain that count; `undefined` for what is none. */
function countedBits(difference: Difference, { vendor }: Definitions): readonly number[] | undefined {
  const { where, bits, change, relation } = difference;
  if (change !== 'gained') return undefined;
  if (!('leaf' in where)) return bits.length === 0 || relation === 'at-most' ? [WHOLE] : bits;
  const [leaf, subleaf] = [Number(where.leaf), Number(where.subleaf)];
  if (LARGEST_LEAF_BASES.includes(leaf) && where.register === 'eax') return undefined;
  const later = new Set(bitsOf(writtenLater(vendor, leaf, subleaf, where.register)));
  const counted = bits.filter((bit) => !later.has(bit));
  if (counted.length === 0) return undefined;
  return relation === 'at-most' ? [WHOLE] : counted;
}

/** One limit for each group of bits with the same limiting members. */
function split(
  sample: Difference,
  by: ReadonlyMap<number, ReadonlySet<string>>,
  members: readonly Own[],
  drops: readonly Drop[],
): Limit[] {
  const { where, name, class: class_, relation } = sample;
  const groups = new Map<string, Limit>();
  for (const [bit, gainers] of [...by].sort(([left], [right]) => left - right)) {
    const lacking = members.filter((member) => !gainers.has(member.name)).map((member) => member.name);
    const bits = bit === WHOLE ? sample.bits : [bit];
    const drop = drops.find(({ target }) => reaches(target, where, bits));
    const snapshots =
      drop === undefined
        ? lacking.length > 0
          ? lacking
          : members.map((member) => member.name)
        : [...new Set([...lacking, ...drop.members])].sort();
    const key = snapshots.join();
    const known = groups.get(key);
    groups.set(key, {
      where,
      bits: known === undefined ? bits : [...known.bits, ...bits],
      name,
      class: class_,
      relation,
      snapshots,
      ...(drop !== undefined && drop.with !== name && { with: drop.with }),
    });
  }
  return [...groups.values()];
}

function reaches(target: Drop['target'], where: Where, bits: readonly number[]): boolean {
  if ('msr' in where) {
    if (target.kind === 'cpuid' || target.index !== Number(where.msr)) return false;
  } else if ('leaf' in where) {
    const here =
      target.kind === 'cpuid' &&
      target.leaf === Number(where.leaf) &&
      target.register === where.register &&
      target.firstSubleaf <= Number(where.subleaf) &&
      Number(where.subleaf) <= target.lastSubleaf;
    if (!here) return false;
  } else return false;
  return target.kind === 'whole-msr' || bits.some((bit) => (BigInt(target.bits) >> BigInt(bit)) & 1n);
}

/** CPUID by place, then MSRs by index, then the rest. */
function byPlace(left: Limit, right: Limit): number {
  const order = ({ where, bits }: Limit): number[] => {
    const bit = bits[0] ?? -1;
    if ('leaf' in where)
      return [0, Number(where.leaf), Number(where.subleaf), REGISTERS.indexOf(where.register), bit];
    return 'msr' in where ? [1, Number(where.msr), 0, 0, bit] : [2, 0, 0, 0, bit];
  };
  const [one, other] = [order(left), order(right)];
  const first = one.findIndex((part, i) => part !== other[i]);
  if (first === -1) return left.name < right.name ? -1 : 1;
  return (one[first] ?? 0) - (other[first] ?? 0);
}
