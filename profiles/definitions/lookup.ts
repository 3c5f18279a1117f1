/** Finding rows by place: constant time for CPUID registers and feature MSRs, binary search in range lists. */
import { registerKey, type Register } from '../model/registers.ts';
import type { CpuidBit, CpuidDefinition, Definitions, Field, MsrDefinition } from './types.ts';

interface Index {
  /** All rows of one leaf and register, rising by subleaf; almost always one. */
  readonly cpuid: ReadonlyMap<number, readonly CpuidDefinition[]>;
  readonly msrs: ReadonlyMap<number, MsrDefinition>;
}

// A derived view, kept as long as the definitions it belongs to.
const indices = new WeakMap<Definitions, Index>();

function indexOf(definitions: Definitions): Index {
  const known = indices.get(definitions);
  if (known !== undefined) return known;
  const cpuid = new Map<number, CpuidDefinition[]>();
  for (const definition of definitions.cpuid) {
    const key = registerKey(definition.leaf, definition.register);
    const rows = cpuid.get(key);
    if (rows === undefined) cpuid.set(key, [definition]);
    else rows.push(definition);
  }
  const index = { cpuid, msrs: new Map(definitions.featureMsrs.map((msr) => [msr.index, msr])) };
  indices.set(definitions, index);
  return index;
}

/** The rows of a register in all subleaves of a leaf, rising; almost always one. */
export const findCpuidRows = (
  definitions: Definitions,
  leaf: number,
  register: Register,
): readonly CpuidDefinition[] => indexOf(definitions).cpuid.get(registerKey(leaf, register)) ?? [];

/** The row of a CPUID register, or `undefined` for one that nobody has defined (zero under a profile). */
export function findCpuid(
  definitions: Definitions,
  leaf: number,
  subleaf: number,
  register: Register,
): CpuidDefinition | undefined {
  return indexOf(definitions)
    .cpuid.get(registerKey(leaf, register))
    ?.find((row) => row.firstSubleaf <= subleaf && subleaf <= row.lastSubleaf);
}

/** The row of a feature MSR, denied ones included. */
export const findFeatureMsr = (definitions: Definitions, index: number): MsrDefinition | undefined =>
  indexOf(definitions).msrs.get(index);

/** The field that a bit belongs to. */
export const fieldAt = (fields: readonly Field[], bit: number): Field | undefined =>
  fields.find((field) => field.first <= bit && bit <= field.last);

/** The field that a condition names. */
export function findField(
  definitions: Definitions,
  { leaf, subleaf, register, bit }: CpuidBit,
): Field | undefined {
  const row = findCpuid(definitions, leaf, subleaf, register);
  return row === undefined ? undefined : fieldAt(row.fields, bit);
}

/** The range of a sorted list without overlaps that holds `index`. */
export function findRange<T extends { readonly first: number; readonly last: number }>(
  sorted: readonly T[],
  index: number,
): T | undefined {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const row = sorted[middle];
    if (row === undefined) return undefined;
    if (index < row.first) high = middle - 1;
    else if (index > row.last) low = middle + 1;
    else return row;
  }
  return undefined;
}
