/**
 * Every single step up that a baseline's policies and options would allow, for the test that there is none. Left out are the named
 * exceptions: fields written later, the FB_CLEAR tolerance, Milan's SPEC_CTRL bit, largest leaves, and what left with its owner.
 */
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import { findCpuid, findFeatureMsr } from '../../profiles/definitions/lookup.ts';
import type { Field } from '../../profiles/definitions/types.ts';
import type { Baseline } from '../../profiles/make/baseline.ts';
import type { Limit } from '../../profiles/make/baseline-limits.ts';
import { OPTION_NAMES } from '../../profiles/make/options.ts';
import type { Relation, Where } from '../../profiles/model/finding.ts';
import { and32, mask32, mask64, U64_MAX } from '../../profiles/model/numbers.ts';
import type { ProfileData, ProfileOptions } from '../../profiles/model/profile.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import { IA32_XSS, permittedMsrs } from '../../profiles/msr-filter/permitted.ts';
import {
  ARCH_CAPABILITIES,
  LARGEST_LEAF_BASES,
  SPEC_CTRL_BIT,
  VMX_HALVES,
  writtenLater,
} from '../../profiles/verdict/exceptions.ts';
import { cpuidWhere, msrWhere } from '../../profiles/verdict/findings.ts';

export interface Raise {
  readonly what: string;
  readonly where: Where;
  /** Absent for an MSR as a whole. */
  readonly bit?: number;
  /** Raises a whole range of subleaves, which not even the members that have the bit offer throughout. */
  readonly wide?: boolean;
  readonly apply: (data: ProfileData) => ProfileData;
}

type Made = Pick<Baseline, 'vendor' | 'data'> & { readonly limitedBy: readonly Limit[] };

export function raises(made: Made, pool: readonly Snapshot[], asked: ProfileOptions): Raise[] {
  const lost = made.limitedBy.filter((limit) => limit.with === undefined).map(({ name }) => name);
  const off = OPTION_NAMES.filter(
    (option) => asked[option] !== true || OPTION_BITS[option].some((name) => lost.includes(name)),
  );
  return [...cpuidRaises(made, off), ...msrRaises(made), ...newMsrs(made, pool), ...newRequired(made, pool)];
}

/** How limitedBy calls an option that some member lacks. */
const OPTION_BITS: Readonly<Record<(typeof OPTION_NAMES)[number], readonly string[]>> = {
  nested: ['vmx', 'svm'],
  amx: ['amx_tile'],
  hyperv: ['Hyper-V MSRs'],
};

const inherited = ({ policy }: Field): boolean => policy === 'inherit';

/** Went with something that the members do not agree on. */
const leftWithOwner = ({ limitedBy }: Made, where: Where, bit: number): boolean =>
  limitedBy.some(
    (limit) =>
      limit.with !== undefined &&
      JSON.stringify(limit.where) === JSON.stringify(where) &&
      (limit.bits.length === 0 || limit.bits.includes(bit)),
  );

function cpuidRaises(made: Made, off: readonly string[]): Raise[] {
  const definitions = definitionsFor(made.vendor);
  return made.data.cpuid.flatMap((entry) => {
    const { leaf, subleaf, register } = entry;
    const where = cpuidWhere(leaf, subleaf, register);
    if (LARGEST_LEAF_BASES.includes(leaf) && register === 'eax') return [];
    const later = writtenLater(made.vendor, leaf, subleaf, register);
    const set = (what: string, bit: number, value: number): Raise => ({
      what,
      where,
      bit,
      wide: entry.lastSubleaf !== entry.subleaf,
      apply: (data) => ({
        ...data,
        cpuid: data.cpuid.map((each) => (each === entry ? { ...each, value } : each)),
      }),
    });
    const fields = (findCpuid(definitions, leaf, subleaf, register)?.fields ?? []).filter(
      (field) => inherited(field) && (field.option === undefined || !off.includes(field.option)),
    );
    return fields.flatMap((field) => {
      const bits = mask32(field.first, field.last);
      const what = `${field.name} (${JSON.stringify(where)})`;
      if (and32(bits, later) !== 0) return [];
      const milan =
        made.vendor === 'amd' &&
        leaf === SPEC_CTRL_BIT.leaf &&
        subleaf === 0 &&
        register === SPEC_CTRL_BIT.register;
      if (field.relation === 'subset') {
        return range(field)
          .filter((bit) => and32(entry.value, 2 ** bit) === 0)
          .filter((bit) => !(milan && bit === SPEC_CTRL_BIT.bit) && !leftWithOwner(made, where, bit))
          .map((bit) => set(what, bit, entry.value + 2 ** bit));
      }
      if (field.relation === 'superset') {
        return range(field)
          .filter((bit) => and32(entry.value, 2 ** bit) !== 0)
          .map((bit) => set(what, bit, entry.value - 2 ** bit));
      }
      const full = and32(entry.value, bits) === bits;
      if (field.relation !== 'at-most' || full || range(field).some((bit) => leftWithOwner(made, where, bit)))
        return [];
      return [set(what, field.first, entry.value + 2 ** field.first)];
    });
  });
}

const range = ({ first, last }: { readonly first: number; readonly last: number }): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

const FB_CLEAR = 17;

function msrRaises(made: Made): Raise[] {
  const definitions = definitionsFor(made.vendor);
  return made.data.featureMsrs.flatMap((entry) => {
    const row = findFeatureMsr(definitions, entry.index);
    if (row === undefined) return [];
    const where = msrWhere(entry.index);
    const set = (bit: number, value: bigint): Raise => ({
      what: `${row.name}[${bit}]`,
      where,
      bit,
      apply: (data) => ({
        ...data,
        featureMsrs: data.featureMsrs.map((each) => (each === entry ? { ...each, value } : each)),
      }),
    });
    const step = (relation: Relation, bit: number): Raise[] => {
      const mask = mask64(bit, bit);
      if (leftWithOwner(made, where, bit) || (entry.index === ARCH_CAPABILITIES && bit === FB_CLEAR))
        return [];
      if (relation === 'subset' && (entry.value & mask) === 0n) return [set(bit, entry.value | mask)];
      if (relation === 'superset' && (entry.value & mask) !== 0n) return [set(bit, entry.value & ~mask)];
      return [];
    };
    const named = row.fields.filter(inherited).flatMap((field) => {
      const bits = mask64(field.first, field.last);
      if (field.relation !== 'at-most') return range(field).flatMap((bit) => step(field.relation, bit));
      return (entry.value & bits) === bits || range(field).some((bit) => leftWithOwner(made, where, bit))
        ? []
        : [set(field.first, entry.value + mask64(field.first, field.first))];
    });
    const covered = row.fields.reduce((bits, { first, last }) => bits | mask64(first, last), 0n);
    const halves =
      row.undefinedBits === 'halves' ? VMX_HALVES : [{ relation: row.undefinedBits, mask: U64_MAX }];
    const nameless = halves.flatMap(({ relation, mask }) =>
      range({ first: 0, last: 63 })
        .filter((bit) => (mask & ~covered & mask64(bit, bit)) !== 0n)
        .flatMap((bit) => step(relation, bit)),
    );
    return [...named, ...nameless];
  });
}

/** Feature MSRs that some member has and the baseline does not set. */
function newMsrs(made: Made, pool: readonly Snapshot[]): Raise[] {
  const definitions = definitionsFor(made.vendor);
  const set = new Set(made.data.featureMsrs.map(({ index }) => index));
  const offered = new Set(pool.flatMap(({ featureMsrs = [] }) => featureMsrs.map(({ index }) => index)));
  return definitions.featureMsrs
    .filter(({ index, use, fields }) => {
      const nested = fields.some(({ option }) => option === 'nested');
      return use === 'adjust' && !nested && offered.has(index) && !set.has(index);
    })
    .filter(({ index }) => !leftWithOwner(made, msrWhere(index), 0))
    .map(({ index, name }) => ({
      what: `${name} as a feature MSR`,
      where: msrWhere(index),
      apply: (data) => ({ ...data, featureMsrs: [...data.featureMsrs, { index, mask: 0n, value: 0n }] }),
    }));
}

/** Listed MSRs that the baseline permits and does not require. */
function newRequired(made: Made, pool: readonly Snapshot[]): Raise[] {
  const permitted = permittedMsrs(made, definitionsFor(made.vendor));
  const required = new Set(made.data.requiredMsrs);
  const listed = new Set(pool.flatMap(({ msrIndices = [] }) => msrIndices));
  return [...listed]
    .filter((index) => permitted.has(index) && !required.has(index) && index !== IA32_XSS)
    .map((index) => ({
      what: `MSR ${index.toString(16)} as a required one`,
      where: msrWhere(index),
      apply: (data) => ({ ...data, requiredMsrs: [...data.requiredMsrs, index] }),
    }));
}
