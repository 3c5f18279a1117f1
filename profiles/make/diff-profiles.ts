/** What guests under one profile see otherwise than under another. */
import { definitionsFor } from '../definitions/definitions.ts';
import { findCpuid, findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions } from '../definitions/types.ts';
import { U32_MAX } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile, ProfileData } from '../model/profile.ts';
import { compareCpuidPlaces } from '../model/registers.ts';
import { cpuidWhere } from '../verdict/findings.ts';
import { diffWords, type Difference, NO_WORD, type Word } from './diff-fields.ts';
import { cpuidLayout, diffVendors, msrLayout, msrName, presence, wholeDifference } from './diff-places.ts';

/**
 * What `right` shows differently from `left`, by name, class and bit: CPUID by place, feature MSRs, required MSRs, the
 * filter's mode. A register that a profile does not list is 0; in a range of subleaves the first stands for all.
 */
export function diffProfiles(left: Profile, right: Profile): Difference[] {
  if (left.vendor !== right.vendor) return diffVendors(left.vendor, right.vendor);
  const filter =
    left.filter === right.filter
      ? []
      : [wholeDifference({}, 'filter mode', 'changed', left.filter, right.filter, 'virtualization')];
  return [...diffData(left.data, right.data, definitionsFor(left.vendor)), ...filter];
}

/** The same for the data of two profiles of one vendor. */
export function diffData(left: ProfileData, right: ProfileData, definitions: Definitions): Difference[] {
  return [
    ...diffCpuid(left.cpuid, right.cpuid, definitions),
    ...diffFeatureMsrs(left, right, definitions),
    ...diffRequired(left, right, definitions),
  ];
}

function diffCpuid(
  left: readonly CpuidAdjustment[],
  right: readonly CpuidAdjustment[],
  definitions: Definitions,
): Difference[] {
  const groups = new Map<string, { left: CpuidAdjustment[]; right: CpuidAdjustment[] }>();
  const add = (side: 'left' | 'right', entry: CpuidAdjustment): void => {
    const key = `${entry.leaf}:${entry.register}`;
    const group = groups.get(key) ?? { left: [], right: [] };
    group[side].push(entry);
    groups.set(key, group);
  };
  for (const entry of left) add('left', entry);
  for (const entry of right) add('right', entry);
  return [...groups.values()]
    .flatMap((group) => segments([...group.left, ...group.right]).map((at) => ({ group, at })))
    .sort((one, other) => compareCpuidPlaces(one.at, other.at))
    .flatMap(({ group, at }) => {
      const { leaf, subleaf, register } = at;
      const row = findCpuid(definitions, leaf, subleaf, register);
      return diffWords(
        cpuidLayout(cpuidWhere(leaf, subleaf, register), row),
        wordAt(group.left, subleaf),
        wordAt(group.right, subleaf),
      );
    });
}

/** One place for each stretch of subleaves in which neither side changes. */
function segments(entries: readonly CpuidAdjustment[]): CpuidAdjustment[] {
  const [sample] = entries;
  if (sample === undefined) return [];
  const starts = entries.flatMap(({ subleaf, lastSubleaf }) =>
    lastSubleaf < U32_MAX ? [subleaf, lastSubleaf + 1] : [subleaf],
  );
  return [...new Set(starts)].map((subleaf) => ({ ...sample, subleaf, lastSubleaf: subleaf }));
}

function wordAt(entries: readonly CpuidAdjustment[], subleaf: number): Word {
  const entry = entries.find((each) => each.subleaf <= subleaf && subleaf <= each.lastSubleaf);
  return entry === undefined ? NO_WORD : { mask: BigInt(entry.mask), value: BigInt(entry.value) };
}

function diffFeatureMsrs(left: ProfileData, right: ProfileData, definitions: Definitions): Difference[] {
  const [before, after] = [left, right].map(
    ({ featureMsrs }) => new Map(featureMsrs.map((msr) => [msr.index, msr])),
  );
  const indices = [...new Set([...left.featureMsrs, ...right.featureMsrs].map(({ index }) => index))];
  return indices
    .sort((one, other) => one - other)
    .flatMap((index) => {
      const [old, young] = [before?.get(index), after?.get(index)];
      if (old === undefined || young === undefined)
        return presence(index, msrName(index, definitions), old !== undefined, young !== undefined);
      return diffWords(msrLayout(index, findFeatureMsr(definitions, index)), old, young);
    });
}

/** An MSR that one side adjusts and the other does not has been said already: what is adjusted is required. */
function diffRequired(left: ProfileData, right: ProfileData, definitions: Definitions): Difference[] {
  const has = ({ requiredMsrs }: ProfileData, index: number): boolean => requiredMsrs.includes(index);
  const adjusts = ({ featureMsrs }: ProfileData, index: number): boolean =>
    featureMsrs.some((msr) => msr.index === index);
  return [...new Set([...left.requiredMsrs, ...right.requiredMsrs])]
    .filter((index) => {
      const said = adjusts(left, index) !== adjusts(right, index);
      return !said || adjusts(left, index) !== has(left, index);
    })
    .sort((one, other) => one - other)
    .flatMap((index) =>
      presence(index, `${msrName(index, definitions)}, required`, has(left, index), has(right, index)),
    );
}
