/** The CPUID side of a compiled profile: which registers must exist on a host and what is compared in each. */
import type { CpuidDefinition, Definitions, Field } from '../definitions/types.ts';
import type { FindingClass, Relation } from '../model/finding.ts';
import { and32, mask32, minus32, toHex } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import { LARGEST_LEAF_BASES, leafBlock, writtenLater } from './exceptions.ts';
import { ownerOffered, ownersOf } from './owners.ts';

/** One comparison inside a register. */
export interface FieldCheck {
  readonly mask: number;
  readonly relation: Relation;
  readonly name: string;
  readonly class: FindingClass;
}

/** A register that must exist on the host, because the profile fixes bits of it to 1. */
export interface PresenceCheck {
  readonly leaf: number;
  readonly subleaf: number;
  readonly lastSubleaf: number;
  readonly register: Register;
  /** The bits that need a place to go. */
  readonly value: number;
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
  readonly fields: readonly FieldCheck[];
}

export interface CompiledCpuid {
  readonly presence: readonly PresenceCheck[];
  readonly registers: readonly RegisterCheck[];
}

/** What the comparison of one row needs to know of the whole profile. */
interface Context {
  readonly profile: Profile;
  readonly presence: readonly PresenceCheck[];
}

export function compileCpuid(profile: Profile, definitions: Definitions): CompiledCpuid {
  const rows = groupRows(definitions.cpuid);
  const presence = profile.data.cpuid.flatMap((entry) => presenceOf(profile, entry, rows));
  const context = { profile, presence };
  const listed = profile.data.cpuid.flatMap((entry) =>
    pieces(entry, rows.get(rowKey(entry.leaf, entry.register)) ?? []).flatMap(({ piece, row }) =>
      registerCheck(context, piece, row),
    ),
  );
  const registers = [...listed, ...unlisted(context, definitions.cpuid)];
  // The largest leaves come last: what is missing says more than that leaves end early.
  const isLargestLeaf = ({ leaf, register }: RegisterCheck): boolean =>
    LARGEST_LEAF_BASES.includes(leaf) && register === 'eax';
  return {
    presence,
    registers: [...registers.filter((check) => !isLargestLeaf(check)), ...registers.filter(isLargestLeaf)],
  };
}

const rowKey = (leaf: number, register: Register): string => `${leaf}:${register}`;

function groupRows(rows: readonly CpuidDefinition[]): Map<string, CpuidDefinition[]> {
  const groups = new Map<string, CpuidDefinition[]>();
  for (const row of rows) {
    const key = rowKey(row.leaf, row.register);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

const overlaps = (row: CpuidDefinition, entry: CpuidAdjustment): boolean =>
  row.firstSubleaf <= entry.lastSubleaf && entry.subleaf <= row.lastSubleaf;

function presenceOf(
  profile: Profile,
  entry: CpuidAdjustment,
  rows: ReadonlyMap<string, readonly CpuidDefinition[]>,
): PresenceCheck[] {
  const { leaf, subleaf, lastSubleaf, register } = entry;
  const value = minus32(entry.value, writtenLater(profile.vendor, leaf, subleaf, register));
  if (value === 0) return [];
  const row = rows.get(rowKey(leaf, register))?.find((candidate) => overlaps(candidate, entry));
  const fields = row?.fields.filter((field) => and32(value, mask32(field.first, field.last)) !== 0) ?? [];
  const name = fields.length === 0 ? UNNAMED : fields.map((field) => field.name).join(', ');
  return [{ leaf, subleaf, lastSubleaf, register, value, name, class: fields[0]?.class ?? 'isa' }];
}

/** Cuts an adjustment at the borders of the rows behind it; where sizes have an owner, at every subleaf. */
function pieces(
  entry: CpuidAdjustment,
  rows: readonly CpuidDefinition[],
): { piece: CpuidAdjustment; row: CpuidDefinition | undefined }[] {
  const result: { piece: CpuidAdjustment; row: CpuidDefinition | undefined }[] = [];
  let next = entry.subleaf;
  const take = (last: number, row: CpuidDefinition | undefined): void => {
    if (next > last) return;
    const single = row !== undefined && ownersOf(entry.leaf, next) !== undefined && last - next < 64;
    if (single) {
      for (let subleaf = next; subleaf <= last; subleaf += 1) {
        result.push({ piece: { ...entry, subleaf, lastSubleaf: subleaf }, row });
      }
    } else result.push({ piece: { ...entry, subleaf: next, lastSubleaf: last }, row });
    next = last + 1;
  };
  for (const row of rows.filter((candidate) => overlaps(candidate, entry))) {
    take(row.firstSubleaf - 1, undefined);
    take(Math.min(row.lastSubleaf, entry.lastSubleaf), row);
  }
  take(entry.lastSubleaf, undefined);
  return result;
}

/** The name of bits that no table names: a hand-written profile may fix them all the same. */
export const UNNAMED = 'bits without a name';

function registerCheck(
  context: Context,
  piece: CpuidAdjustment,
  row: CpuidDefinition | undefined,
): RegisterCheck[] {
  const { profile } = context;
  const { leaf, subleaf, lastSubleaf, register, mask } = piece;
  const later = writtenLater(profile.vendor, leaf, subleaf, register);
  const fixed = minus32(minus32(0xffff_ffff, mask), later);

  if (LARGEST_LEAF_BASES.includes(leaf) && register === 'eax') {
    const needed = highestFixedLeaf(context.presence, leaf);
    if (and32(mask, 0xffff_ffff) !== 0 || needed <= leaf) return [];
    const field: FieldCheck = {
      mask: 0xffff_ffff,
      relation: 'at-most',
      name: row?.fields[0]?.name ?? UNNAMED,
      class: 'isa',
    };
    return [{ leaf, subleaf, lastSubleaf, register, mask: 0, value: needed, fields: [field] }];
  }

  const named = row?.fields ?? [];
  const covered = named.reduce((bits, field) => (bits | mask32(field.first, field.last)) >>> 0, 0);
  const fields = named
    .map((field): FieldCheck => ({
      ...fieldCheck(field),
      mask: and32(mask32(field.first, field.last), minus32(0xffff_ffff, later)),
    }))
    .filter((field) => canOffend(context, piece, field, fixed));
  const nameless = minus32(minus32(piece.value, covered), later);
  if (nameless !== 0) fields.push({ mask: nameless, relation: 'subset', name: UNNAMED, class: 'isa' });
  return fields.length === 0
    ? []
    : [{ leaf, subleaf, lastSubleaf, register, mask, value: piece.value, fields }];
}

const fieldCheck = (field: Field): Omit<FieldCheck, 'mask'> => ({
  relation: field.relation,
  name: field.name,
  class: field.class,
});

/** Leaves out what cannot fail on any host, so that a compiled profile holds only real questions. */
function canOffend(context: Context, piece: CpuidAdjustment, field: FieldCheck, fixed: number): boolean {
  const value = and32(piece.value, field.mask);
  switch (field.relation) {
    case 'subset':
    case 'at-most':
      return value !== 0;
    case 'superset':
      return and32(minus32(fixed, piece.value), field.mask) !== 0;
    case 'equal':
      // A size of something that is not offered matters to nobody; one that is fixed all the same is held against the host.
      return (
        and32(fixed, field.mask) !== 0 &&
        (value !== 0 || ownerOffered(context.profile.data, piece.leaf, piece.subleaf))
      );
    case 'identity':
    case 'ignore':
      return false;
  }
}

function highestFixedLeaf(presence: readonly PresenceCheck[], base: number): number {
  return presence
    .filter(({ leaf }) => leafBlock(leaf) === leafBlock(base))
    .reduce((highest, { leaf }) => Math.max(highest, leaf), base);
}

/** Registers that the profile does not list are 0 for the guest; that can offend only where the owner of a size is offered. */
function unlisted(context: Context, rows: readonly CpuidDefinition[]): RegisterCheck[] {
  const { data } = context.profile;
  return rows
    .filter((row) =>
      row.fields.some((field) => field.relation === 'equal' && ownersOf(row.leaf, row.firstSubleaf)),
    )
    .flatMap((row) => {
      const result: RegisterCheck[] = [];
      for (let subleaf = row.firstSubleaf; subleaf <= Math.min(row.lastSubleaf, 63); subleaf += 1) {
        const has = data.cpuid.some(
          (entry) =>
            entry.leaf === row.leaf &&
            entry.register === row.register &&
            entry.subleaf <= subleaf &&
            subleaf <= entry.lastSubleaf,
        );
        if (has || !ownerOffered(data, row.leaf, subleaf)) continue;
        const { leaf, register } = row;
        result.push(
          ...registerCheck(
            context,
            { leaf, subleaf, lastSubleaf: subleaf, register, mask: 0, value: 0 },
            row,
          ),
        );
      }
      return result;
    });
}

/** `0x7.0:ebx` as messages show a register. */
export const placeName = (leaf: number, subleaf: number, register: Register): string =>
  `CPUID ${toHex(leaf)}.${toHex(subleaf)} ${register.toUpperCase()}`;
