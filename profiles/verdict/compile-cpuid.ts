/** The CPUID side of a compiled profile: which registers must exist on a host and what is compared in each. */
import { findCpuidRows } from '../definitions/lookup.ts';
import type { CpuidDefinition, Definitions } from '../definitions/types.ts';
import type { FindingClass } from '../model/finding.ts';
import { and32, mask32, minus32 } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import { adjustmentAt } from './bits.ts';
import { compileRegister, type RegisterCheck, UNNAMED, wholeRegister } from './compile-register.ts';
import { LARGEST_LEAF_BASES, leafBlock, writtenLater } from './exceptions.ts';
import { ownerOffered, ownersOf } from './owners.ts';

/** A register that must exist on the host, because the profile fixes bits of it to 1. */
export interface PresenceCheck {
  readonly leaf: number;
  readonly subleaf: number;
  readonly lastSubleaf: number;
  readonly register: Register;
  /** The bits that need a place to go. */
  readonly value: number;
  /** Where the names come from. */
  readonly row: CpuidDefinition | undefined;
}

export interface CompiledCpuid {
  readonly presence: readonly PresenceCheck[];
  readonly registers: readonly RegisterCheck[];
}

export function compileCpuid(profile: Profile, definitions: Definitions): CompiledCpuid {
  const presence: PresenceCheck[] = [];
  const registers: RegisterCheck[] = [];
  const largestLeaves: RegisterCheck[] = [];
  for (const entry of profile.data.cpuid) {
    const rows = findCpuidRows(definitions, entry.leaf, entry.register);
    addPresence(profile, entry, rows, presence);
    if (LARGEST_LEAF_BASES.includes(entry.leaf) && entry.register === 'eax') continue;
    for (const { piece, row } of pieces(entry, rows)) compileRegister(profile, piece, row, registers);
  }
  for (const row of ownedRows(definitions)) addUnlisted(profile, row, registers);
  // The largest leaves come last: what is missing says more than that leaves end early.
  for (const base of LARGEST_LEAF_BASES) addLargestLeaf(profile, base, presence, definitions, largestLeaves);
  return { presence, registers: [...registers, ...largestLeaves] };
}

const overlaps = (row: CpuidDefinition, entry: CpuidAdjustment): boolean =>
  row.firstSubleaf <= entry.lastSubleaf && entry.subleaf <= row.lastSubleaf;

function addPresence(
  { vendor }: Profile,
  entry: CpuidAdjustment,
  rows: readonly CpuidDefinition[],
  presence: PresenceCheck[],
): void {
  const { leaf, subleaf, lastSubleaf, register } = entry;
  const value = entry.value === 0 ? 0 : minus32(entry.value, writtenLater(vendor, leaf, subleaf, register));
  if (value === 0) return;
  const row = rows.find((candidate) => overlaps(candidate, entry));
  presence.push({ leaf, subleaf, lastSubleaf, register, value, row });
}

/** What the bits that need a place are called, and the class of the first. */
export function presenceName({ value, row }: PresenceCheck): { name: string; class: FindingClass } {
  const fields = row?.fields.filter((field) => and32(value, mask32(field.first, field.last)) !== 0) ?? [];
  const name = fields.length === 0 ? UNNAMED : fields.map((field) => field.name).join(', ');
  return { name, class: fields[0]?.class ?? 'isa' };
}

interface Piece {
  readonly piece: CpuidAdjustment;
  readonly row: CpuidDefinition | undefined;
}

/** Cuts an adjustment at the borders of the rows behind it; where sizes have an owner, at every subleaf. */
function pieces(entry: CpuidAdjustment, rows: readonly CpuidDefinition[]): Piece[] {
  const result: Piece[] = [];
  let next = entry.subleaf;
  const take = (last: number, row: CpuidDefinition | undefined): void => {
    if (next > last) return;
    const single = row !== undefined && last - next < 64 && ownersOf(entry.leaf, next) !== undefined;
    if (single) {
      for (let subleaf = next; subleaf <= last; subleaf += 1) {
        result.push({ piece: { ...entry, subleaf, lastSubleaf: subleaf }, row });
      }
    } else if (next === entry.subleaf && last === entry.lastSubleaf) result.push({ piece: entry, row });
    else result.push({ piece: { ...entry, subleaf: next, lastSubleaf: last }, row });
    next = last + 1;
  };
  for (const row of rows) {
    if (!overlaps(row, entry)) continue;
    take(row.firstSubleaf - 1, undefined);
    take(Math.min(row.lastSubleaf, entry.lastSubleaf), row);
  }
  take(entry.lastSubleaf, undefined);
  return result;
}

/** Exception LargestLeaf: as high as the highest leaf in which the profile fixes a bit, whatever it says. */
function addLargestLeaf(
  { data }: Profile,
  base: number,
  presence: readonly PresenceCheck[],
  definitions: Definitions,
  registers: RegisterCheck[],
): void {
  const entry = adjustmentAt(data, base, 0, 'eax');
  if (entry === undefined || entry.mask !== 0) return;
  let highest = base;
  for (const { leaf } of presence) {
    if (leafBlock(leaf) === leafBlock(base)) highest = Math.max(highest, leaf);
  }
  if (highest === base) return;
  const [row] = findCpuidRows(definitions, base, 'eax');
  registers.push(wholeRegister(entry, highest, row));
}

const owned = new WeakMap<Definitions, readonly CpuidDefinition[]>();

/** The rows whose equal fields belong to a feature. */
function ownedRows(definitions: Definitions): readonly CpuidDefinition[] {
  const known = owned.get(definitions);
  if (known !== undefined) return known;
  const rows = definitions.cpuid.filter(
    (row) =>
      ownersOf(row.leaf, row.firstSubleaf) !== undefined &&
      row.fields.some(({ relation }) => relation === 'equal'),
  );
  owned.set(definitions, rows);
  return rows;
}

/** Registers that the profile does not list are 0 for the guest; that can offend only where the owner of a size is offered. */
function addUnlisted(profile: Profile, row: CpuidDefinition, registers: RegisterCheck[]): void {
  const { leaf, register } = row;
  for (let subleaf = row.firstSubleaf; subleaf <= Math.min(row.lastSubleaf, 63); subleaf += 1) {
    if (!ownerOffered(profile.data, leaf, subleaf)) continue;
    if (adjustmentAt(profile.data, leaf, subleaf, register) !== undefined) continue;
    const zero = { leaf, subleaf, lastSubleaf: subleaf, register, mask: 0, value: 0 };
    compileRegister(profile, zero, row, registers);
  }
}
