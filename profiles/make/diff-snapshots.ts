/** What two hosts offer differently: two kernels on one CPU, two CPUs, one host before and after an update. */
import { definitionsFor } from '../definitions/definitions.ts';
import { findCpuid, findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions } from '../definitions/types.ts';
import { REGISTERS } from '../model/registers.ts';
import type { Capabilities, CpuidEntry, MsrValue, Snapshot } from '../model/snapshot.ts';
import { cpuidWhere } from '../verdict/findings.ts';
import { diffWords, type Difference, NO_WORD } from './diff-fields.ts';
import { cpuidLayout, diffVendors, msrLayout, msrName, presence, wholeDifference } from './diff-places.ts';

/**
 * What `right` offers differently from `left`, by name, class and bit: CPUID by place, then feature MSRs, the index
 * list, capabilities. An entry that one side lacks counts as zero; a list that one side has not observed says so once.
 */
export function diffSnapshots(left: Snapshot, right: Snapshot): Difference[] {
  if (left.vendor !== right.vendor) return diffVendors(left.vendor, right.vendor);
  const definitions = definitionsFor(left.vendor);
  return [
    ...diffSources(left, right),
    ...diffCpuid(left, right, definitions),
    ...diffFeatureMsrs(left.featureMsrs, right.featureMsrs, definitions),
    ...diffIndices(left.msrIndices, right.msrIndices, definitions),
    ...diffCapabilities(left.capabilities, right.capabilities),
  ];
}

function diffSources(left: Snapshot, right: Snapshot): Difference[] {
  const told = ({ source, partial }: Snapshot): string => (partial ? `${source}, partial` : source);
  return told(left) === told(right)
    ? []
    : [wholeDifference({}, 'source', 'changed', told(left), told(right), 'isa')];
}

function diffCpuid(left: Snapshot, right: Snapshot, definitions: Definitions): Difference[] {
  const key = ({ leaf, subleaf }: CpuidEntry): number => leaf * 2 ** 20 + subleaf;
  const entries = (snapshot: Snapshot): Map<number, CpuidEntry> =>
    new Map(snapshot.cpuid.map((entry) => [key(entry), entry]));
  const [before, after] = [entries(left), entries(right)];
  const places = new Map([...before, ...after]);
  return [...places.values()]
    .sort((one, other) => one.leaf - other.leaf || one.subleaf - other.subleaf)
    .flatMap((place) =>
      REGISTERS.flatMap((register) => {
        const word = (entry: CpuidEntry | undefined) =>
          entry === undefined ? NO_WORD : { mask: 0n, value: BigInt(entry[register]) };
        const { leaf, subleaf } = place;
        const row = findCpuid(definitions, leaf, subleaf, register);
        return diffWords(
          cpuidLayout(cpuidWhere(leaf, subleaf, register), row),
          word(before.get(key(place))),
          word(after.get(key(place))),
        );
      }),
    );
}

function diffFeatureMsrs(
  left: readonly MsrValue[] | undefined,
  right: readonly MsrValue[] | undefined,
  definitions: Definitions,
): Difference[] {
  if (left === undefined || right === undefined) return observed('feature MSRs', left, right);
  const [before, after] = [left, right].map((list) => new Map(list.map((msr) => [msr.index, msr.value])));
  return indicesOf(left, right).flatMap((index) => {
    const [old, young] = [before?.get(index), after?.get(index)];
    const name = msrName(index, definitions);
    if (old === undefined || young === undefined)
      return presence(index, name, old !== undefined, young !== undefined);
    return diffWords(
      msrLayout(index, findFeatureMsr(definitions, index)),
      { mask: 0n, value: old },
      { mask: 0n, value: young },
    );
  });
}

function diffIndices(
  left: readonly number[] | undefined,
  right: readonly number[] | undefined,
  definitions: Definitions,
): Difference[] {
  if (left === undefined || right === undefined) return observed('MSR index list', left, right);
  const [before, after] = [new Set(left), new Set(right)];
  return [...new Set([...left, ...right])]
    .sort((one, other) => one - other)
    .flatMap((index) =>
      presence(index, `${msrName(index, definitions)}, listed`, before.has(index), after.has(index)),
    );
}

function observed(name: string, left: readonly unknown[] | undefined, right: typeof left): Difference[] {
  if (left === undefined && right === undefined) return [];
  const told = (list: readonly unknown[] | undefined): string =>
    list === undefined ? 'not observed' : `${list.length} entries`;
  return [wholeDifference({}, name, 'changed', told(left), told(right), 'isa')];
}

const indicesOf = (...lists: (readonly { readonly index: number }[])[]): number[] =>
  [...new Set(lists.flat().map(({ index }) => index))].sort((one, other) => one - other);

function diffCapabilities(left: Capabilities, right: Capabilities): Difference[] {
  const names = ['msrFilter', 'userSpaceMsr', 'nested'] as const;
  return names
    .filter((name) => left[name] !== right[name])
    .map((name) =>
      wholeDifference(
        {},
        name,
        right[name] ? 'gained' : 'lost',
        left[name] ? '0x1' : '0x0',
        right[name] ? '0x1' : '0x0',
        'virtualization',
      ),
    );
}
