/** The MSR side of a compiled profile: feature MSRs that are set, and MSRs that must exist. */
import { findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions, MsrDefinition } from '../definitions/types.ts';
import type { FindingClass, Relation } from '../model/finding.ts';
import { mask64, toHex, U64_MAX } from '../model/numbers.ts';
import type { MsrAdjustment, Profile } from '../model/profile.ts';
import { SET_REFUSED_MSRS, VMX_HALVES } from './exceptions.ts';
import { UNNAMED } from './compile-register.ts';

export interface MsrFieldCheck {
  readonly mask: bigint;
  readonly relation: Relation;
  readonly name: string;
  readonly class: FindingClass;
}

/** A feature MSR the profile sets: it must be among the host's feature MSRs, and its fields must fit. */
export interface MsrCheck {
  readonly index: number;
  readonly name: string;
  readonly class: FindingClass;
  readonly mask: bigint;
  readonly value: bigint;
  readonly fields: readonly MsrFieldCheck[];
}

export interface RequiredMsr {
  readonly index: number;
  readonly describe: () => { readonly name: string; readonly class: FindingClass };
}

export interface CompiledMsrs {
  readonly adjusted: readonly MsrCheck[];
  /** Required and not adjusted: what is adjusted must be a feature MSR anyway. */
  readonly required: readonly RequiredMsr[];
}

export function compileMsrs({ data }: Profile, definitions: Definitions): CompiledMsrs {
  const adjusted = new Set(data.featureMsrs.map(({ index }) => index));
  return {
    adjusted: data.featureMsrs.map((entry) => msrCheck(entry, findFeatureMsr(definitions, entry.index))),
    required: data.requiredMsrs
      .filter((index) => !adjusted.has(index))
      .map((index) => ({
        index,
        // Looked up when a finding is written: there are a hundred of these, and most are where they should be.
        describe: () => requiredName(index, definitions),
      })),
  };
}

function msrCheck(entry: MsrAdjustment, row: MsrDefinition | undefined): MsrCheck {
  const { index, mask, value } = entry;
  const name = row?.name ?? `MSR ${toHex(index)}`;
  const base = { index, name, class: row?.fields[0]?.class ?? ('isa' as const), mask, value };
  if (SET_REFUSED_MSRS.includes(index)) return { ...base, fields: [] };
  // An MSR of which nothing is known must be the same on both sides: refusing is the safe side.
  const fields =
    row === undefined
      ? [{ mask: U64_MAX, relation: 'equal' as const, name, class: 'isa' as const }]
      : rowFields(row);
  return { ...base, fields: fields.filter((field) => canOffend(field, mask, value)) };
}

// A derived view, kept as long as the row it belongs to.
const fieldsOfRows = new WeakMap<MsrDefinition, readonly MsrFieldCheck[]>();

function rowFields(row: MsrDefinition): readonly MsrFieldCheck[] {
  const known = fieldsOfRows.get(row);
  if (known !== undefined) return known;
  const fields = comparedFields(row);
  fieldsOfRows.set(row, fields);
  return fields;
}

function comparedFields(row: MsrDefinition): MsrFieldCheck[] {
  const named = row.fields.map((field) => ({
    mask: mask64(field.first, field.last),
    relation: field.relation,
    name: field.name,
    class: field.class,
  }));
  const nameless = named.reduce((bits, field) => bits & ~field.mask, U64_MAX);
  const halves =
    row.undefinedBits === 'halves' ? VMX_HALVES : [{ relation: row.undefinedBits, mask: U64_MAX }];
  const rest = halves.map(({ relation, mask }) => ({
    mask: nameless & mask,
    relation,
    name: `${row.name}, ${UNNAMED}`,
    class: row.fields[0]?.class ?? ('isa' as const),
  }));
  return [...named, ...rest];
}

function canOffend(field: MsrFieldCheck, mask: bigint, value: bigint): boolean {
  switch (field.relation) {
    case 'subset':
    case 'at-most':
      return (value & field.mask) !== 0n;
    case 'superset':
      return (~mask & ~value & field.mask) !== 0n;
    case 'equal':
      return (~mask & field.mask) !== 0n;
    case 'identity':
    case 'ignore':
      return false;
  }
}

function requiredName(index: number, definitions: Definitions): { name: string; class: FindingClass } {
  const feature = findFeatureMsr(definitions, index);
  if (feature !== undefined) return { name: feature.name, class: feature.fields[0]?.class ?? 'isa' };
  const within = (range: { first: number; last: number }): boolean =>
    range.first <= index && index <= range.last;
  const kvm = definitions.kvm.find(within) ?? definitions.hyperv.find(within);
  if (kvm !== undefined) return { name: kvm.name, class: 'paravirt' };
  const known = [definitions.permitted, definitions.forbidden, definitions.nonArchitectural];
  for (const list of known) {
    const row = list.find(within);
    if (row !== undefined) return { name: row.name, class: 'isa' };
  }
  return { name: `MSR ${toHex(index)}`, class: 'isa' };
}
