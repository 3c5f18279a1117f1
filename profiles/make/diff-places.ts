/** Names and layouts of the places that two profiles or snapshots are compared in. */
import { findRange } from '../definitions/lookup.ts';
import type { CpuidDefinition, Definitions, MsrDefinition } from '../definitions/types.ts';
import type { FindingClass, Where } from '../model/finding.ts';
import { mask64, toHex, U64_MAX } from '../model/numbers.ts';
import type { Vendor } from '../model/registers.ts';
import { VMX_HALVES } from '../verdict/exceptions.ts';
import { msrWhere } from '../verdict/findings.ts';
import type { Change, Difference, Layout } from './diff-fields.ts';

/** CPUID bits without a row are compared as subset, as `check` does. */
export const cpuidLayout = (where: Where, row: CpuidDefinition | undefined): Layout => ({
  where,
  fields: row?.fields ?? [],
  width: 32,
  nameless: [{ mask: mask64(0, 31), relation: 'subset' }],
});

/** An MSR that no table knows is compared as a whole. */
export const msrLayout = (index: number, row: MsrDefinition | undefined): Layout => ({
  where: msrWhere(index),
  fields: row?.fields ?? [],
  width: 64,
  nameless:
    row?.undefinedBits === 'halves'
      ? VMX_HALVES
      : [{ mask: U64_MAX, relation: row?.undefinedBits ?? 'equal' }],
});

/** The name of an MSR in whichever list knows it. */
export function msrName(index: number, definitions: Definitions): string {
  const feature = definitions.featureMsrs.find((row) => row.index === index);
  if (feature !== undefined) return feature.name;
  const { permitted, kvm, hyperv, forbidden, nonArchitectural } = definitions;
  for (const list of [permitted, kvm, hyperv, forbidden, nonArchitectural]) {
    const row = findRange(list, index);
    if (row !== undefined) return row.name;
  }
  return `MSR ${toHex(index)}`;
}

/** Something that is there or not as a whole. */
export const wholeDifference = (
  where: Where,
  name: string,
  change: Change,
  left: string,
  right: string,
  class_: FindingClass,
): Difference => ({ where, bits: [], name, class: class_, relation: 'subset', change, left, right });

/** An MSR that one side has and the other has not; nothing where both agree. */
export function presence(index: number, name: string, left: boolean, right: boolean): Difference[] {
  if (left === right) return [];
  const told = (has: boolean): string => (has ? 'present' : 'absent');
  return [wholeDifference(msrWhere(index), name, right ? 'gained' : 'lost', told(left), told(right), 'isa')];
}

/** Between two vendors nothing else is worth comparing. */
export const diffVendors = (left: Vendor, right: Vendor): Difference[] => [
  wholeDifference({}, 'vendor', 'changed', left, right, 'identity'),
];
