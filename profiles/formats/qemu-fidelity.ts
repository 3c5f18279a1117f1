/** What differs between a profile and the guest that QEMU makes of it, as findings. */
import { BIT_NAMES, cpuidBitName, msrBitName } from '../definitions/names/names.ts';
import type { BitName, QemuVersion } from '../definitions/names/types.ts';
import { atMost } from './named-features.ts';
import type { Definitions } from '../definitions/types.ts';
import { and32, bitsOf, minus32, not32, toHex, U32_MAX, U64_MAX, xor32 } from '../model/numbers.ts';
import type { CpuidAdjustment, MsrAdjustment, ProfileData } from '../model/profile.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import { fieldNames, type FidelityFinding, placeOf } from './fidelity.ts';
import type { GuestWord, QemuGuest } from './qemu-guest.ts';

export interface Comparison {
  /** The program as sentences call it. */
  readonly consumer: string;
  /** Names newer than this one are not used. Absent: no name was left out for its age. */
  readonly version?: QemuVersion;
  readonly data: ProfileData;
  readonly guest: QemuGuest;
  readonly definitions: Definitions;
}

/**
 * Every register that the profile fixes and the guest sees otherwise, or perhaps otherwise. A leaf that QEMU leaves empty,
 * or fills as a whole by itself, is one finding, however many registers of it a profile lists.
 */
export function guestFindings(comparison: Comparison): FidelityFinding[] {
  const { data, guest } = comparison;
  const rows = listed(comparison).map((entry) => ({ entry, word: wordOf(entry, guest) }));
  const leaf = ({ entry }: Row): number => entry.leaf;
  const empty = rows.filter(({ word }) => word.ofHardware !== true && word.value === 0 && word.open === 0);
  const filled = rows.filter(({ word }) => word.open === U32_MAX);
  const others = rows.filter((row) => !empty.includes(row) && !filled.includes(row));
  const known = new Set(guest.places.map((place) => place.leaf));
  return [
    ...unknownLeafFindings(
      empty.filter((row) => !known.has(leaf(row))),
      comparison,
    ),
    ...[
      ...Map.groupBy(
        empty.filter((row) => known.has(leaf(row))),
        leaf,
      ).values(),
    ].flatMap((group) => emptyFindings(group, comparison)),
    ...[...Map.groupBy(filled, leaf).values()].flatMap((group) => filledFindings(group, comparison)),
    ...others.flatMap(({ entry, word }) => cpuidFindings(entry, word, comparison)),
    ...hostBitFindings(comparison),
    ...unsetMsrFindings(comparison),
    ...data.featureMsrs.flatMap((entry) => msrFindings(entry, comparison)),
  ];
}

interface Row {
  readonly entry: CpuidAdjustment;
  readonly word: GuestWord<number>;
}

/** Leaves that QEMU knows nothing of: everything in them reads 0, so their numbers say it all. */
function unknownLeafFindings(
  rows: readonly Row[],
  { consumer, definitions, version }: Comparison,
): FidelityFinding[] {
  const lost = rows.map(({ entry }) => entry).filter(({ value }) => value !== 0);
  const [first] = lost;
  if (first === undefined) return [];
  return [
    {
      code: 'CpuidBitsNotExpressible',
      severity: 'warning',
      where: placeOf(first),
      name: namesOf(lost.map((entry) => fieldNames(definitions, entry, entry.value))),
      message: `${consumer} shows nothing in ${lost.length} registers that the profile fixes, of leaves ${rangesOf(lost.map((entry) => entry.leaf))}: the guest reads 0 there${newer(
        lost.flatMap((entry) => bitNames(entry, entry.value)),
        version,
      )}`,
    },
  ];
}

/** `0x1, 0x5-0x9`; `numbers` rise. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number - last[1] <= 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? toHex(from) : `${toHex(from)}-${toHex(to)}`)).join(', ');
}

/** Registers of one leaf that read 0 under QEMU. */
function emptyFindings(rows: readonly Row[], comparison: Comparison): FidelityFinding[] {
  const { consumer, definitions, version } = comparison;
  const lost = rows.map(({ entry }) => entry).filter(({ value }) => value !== 0);
  const [first] = lost;
  if (first === undefined) return [];
  const values =
    lost.length === 1
      ? toHex(first.value)
      : some(lost.map((entry) => `${registerText(entry)} ${toHex(entry.value)}`));
  return [
    {
      code: 'CpuidBitsNotExpressible',
      severity: 'warning',
      where: placeOf(first),
      name: namesOf(lost.map((entry) => fieldNames(definitions, entry, entry.value))),
      message: `${consumer} cannot be told to show ${values}: the guest reads 0 there${newer(
        lost.flatMap((entry) => bitNames(entry, entry.value)),
        version,
      )}`,
    },
  ];
}

/** Registers of one leaf that QEMU fills without being asked. */
function filledFindings(rows: readonly Row[], { consumer, definitions }: Comparison): FidelityFinding[] {
  const fixed = rows
    .map(({ entry }) => ({ entry, bits: not32(entry.mask) }))
    .filter(({ entry, bits }) => bits !== 0 && !isReserved(entry, bits, definitions));
  const [first] = fixed;
  if (first === undefined) return [];
  return [
    {
      code: 'OverwrittenByConsumer',
      severity: 'note',
      where: placeOf(first.entry),
      name: namesOf(fixed.map(({ entry, bits }) => fieldNames(definitions, entry, bits))),
      message: `${consumer} fills ${some([...new Set(fixed.map(({ entry }) => registerText(entry)))])} of this leaf itself, from the host or the shape of the VM`,
    },
  ];
}

/** Reserved bits that the profile clears are clear wherever the value comes from. */
const isReserved = (entry: CpuidAdjustment, bits: number, definitions: Definitions): boolean =>
  and32(entry.value, bits) === 0 && fieldNames(definitions, entry, bits) === 'reserved';

/** `EBX`, or `2.EBX` in a subleaf, `2-9.EBX` in several. */
function registerText({ subleaf, lastSubleaf, register }: CpuidAdjustment): string {
  const name = register.toUpperCase();
  if (subleaf !== lastSubleaf) return `${subleaf}-${lastSubleaf}.${name}`;
  return subleaf === 0 ? name : `${subleaf}.${name}`;
}

const bitNames = ({ leaf, subleaf, register }: CpuidAdjustment, bits: number): (BitName | undefined)[] =>
  bitsOf(bits).map((bit) => cpuidBitName(leaf, subleaf, register, bit));

/** At most 16 of `items`: a report has to fit into a ConfigMap, and the profile itself says the rest. */
function some(items: readonly string[]): string {
  const rest = items.length - 16;
  return rest <= 0 ? items.join(', ') : `${items.slice(0, 16).join(', ')} and ${rest} more`;
}

function namesOf(names: readonly string[]): string {
  const different = [...new Set(names)];
  const shown = different.slice(0, 3).join(', ');
  return different.length > 3 ? `${shown} and others` : shown;
}

/** The profile's rows, and a row of zeros for each register that QEMU writes and the profile does not list. */
function listed({ data, guest }: Comparison): CpuidAdjustment[] {
  const covers = (row: CpuidAdjustment, at: CpuidAdjustment): boolean =>
    row.leaf === at.leaf &&
    row.register === at.register &&
    row.subleaf <= at.subleaf &&
    at.subleaf <= row.lastSubleaf;
  const unlisted = guest.places
    .map((place): CpuidAdjustment => ({ ...place, lastSubleaf: place.subleaf, mask: 0, value: 0 }))
    .filter((place) => !data.cpuid.some((row) => covers(row, place)));
  return [...data.cpuid, ...unlisted];
}

/** The register of `entry` as the guest sees it: of a range, the first subleaf that differs from the profile. */
function wordOf(entry: CpuidAdjustment, guest: QemuGuest): GuestWord<number> {
  const { leaf, register, subleaf, lastSubleaf } = entry;
  const inside = guest.places
    .filter((at) => at.leaf === leaf && at.register === register)
    .map((at) => at.subleaf)
    .filter((at) => subleaf <= at && at <= lastSubleaf);
  const first = guest.cpuid(leaf, subleaf, register);
  const words = [first, ...inside.map((at) => guest.cpuid(leaf, at, register))];
  const differs = ({ value, open, ofHardware }: GuestWord<number>): boolean =>
    ofHardware !== true && minus32(minus32(xor32(value, entry.value), open), entry.mask) !== 0;
  return words.find(differs) ?? words.find(({ open }) => open !== 0) ?? first;
}

function cpuidFindings(
  entry: CpuidAdjustment,
  word: GuestWord<number>,
  comparison: Comparison,
): FidelityFinding[] {
  if (word.ofHardware === true) return [];
  const { consumer, definitions, version } = comparison;
  const fixed = not32(entry.mask);
  const known = minus32(fixed, word.open);
  const lost = and32(minus32(entry.value, word.value), known);
  const added = and32(minus32(word.value, entry.value), known);
  const open = and32(fixed, word.open);
  const where = placeOf(entry);
  const name = (bits: number): string => fieldNames(definitions, entry, bits);
  const result: FidelityFinding[] = [];
  // A number that differs is not a bit that is missing.
  const inFlags = bitNames(entry, lost).some((row) => row !== undefined);
  if (lost !== 0 && added === 0 && (inFlags || and32(word.value, known) === 0)) {
    result.push({
      code: 'CpuidBitsNotExpressible',
      severity: 'warning',
      where,
      name: name(lost),
      message: `${consumer} cannot be told to show ${toHex(lost)}: the guest reads 0 there${newer(bitNames(entry, lost), version)}`,
    });
  } else if (lost !== 0 || added !== 0) {
    result.push({
      code: 'OverwrittenByConsumer',
      severity: 'warning',
      where,
      name: name(xor32(lost, added)),
      message: `${consumer} writes ${toHex(and32(word.value, known))}, the profile has ${toHex(and32(entry.value, known))}`,
    });
  }
  if (open !== 0 && !isReserved(entry, open, definitions)) {
    result.push({
      code: 'OverwrittenByConsumer',
      severity: 'note',
      where,
      name: name(open),
      message: `${consumer} writes ${spanText(open)} itself: the value follows from the host or from the shape of the VM`,
    });
  }
  return result;
}

/** ` (QEMU 10.1 knows a-name)`, where a newer QEMU could have been told. */
function newer(rows: readonly (BitName | undefined)[], version: QemuVersion | undefined): string {
  const named = rows.flatMap((row) => {
    const [since, name] = [row?.qemuSince, row?.qemu[0]];
    if (since === undefined || name === undefined || version === undefined || atMost(since, version))
      return [];
    return [{ since, name }];
  });
  const [first] = named;
  if (first === undefined) return '';
  return ` (${[...Map.groupBy(named, ({ since }) => since)].map(([since, some]) => `QEMU ${since} knows ${some.map(({ name }) => name).join(', ')}`).join('; ')})`;
}

/** `bit 27`, `bits 16 to 31`, or the mask where there are gaps. */
function spanText(mask: number): string {
  const bits = bitsOf(mask);
  const [first = 0, last = 0] = [bits[0], bits.at(-1)];
  if (bits.length === 1) return `bit ${first}`;
  return last - first + 1 === bits.length ? `bits ${first} to ${last}` : toHex(mask);
}

/** Named features that the profile leaves to the host: QEMU has no word for "as on the host". */
function hostBitFindings({ consumer, data, guest }: Comparison): FidelityFinding[] {
  const rows = BIT_NAMES.flatMap(({ place, qemu }) => {
    if ('msr' in place || qemu[0] === undefined) return [];
    const { leaf, subleaf, register, bit } = place;
    const entry = data.cpuid.find(
      (row) =>
        row.leaf === leaf &&
        row.register === register &&
        row.subleaf <= subleaf &&
        subleaf <= row.lastSubleaf &&
        ((row.mask >>> bit) & 1) === 1,
    );
    const { value, open } = guest.cpuid(leaf, subleaf, register);
    if (entry === undefined || ((open >>> bit) & 1) === 1) return [];
    return [{ entry, name: qemu[0], on: ((value >>> bit) & 1) === 1 }];
  });
  return [...Map.groupBy(rows, ({ entry }) => entry)].map(([entry, bits]): FidelityFinding => {
    const names = (on: boolean): string =>
      [...new Set(bits.filter((bit) => bit.on === on).map(({ name }) => name))].join(', ');
    const parts = [
      [names(true), 'on'],
      [names(false), 'off'],
    ].filter(([list]) => list !== '');
    return {
      code: 'HostBitsNotExpressible',
      severity: 'note',
      where: placeOf(entry),
      name: bits
        .map(({ name }) => name)
        .slice(0, 4)
        .join(', '),
      message: `the profile leaves these to the host, ${consumer} has to decide: ${parts.map(([list, state]) => `${String(state)} ${String(list)}`).join('; ')}`,
    };
  });
}

/** The feature MSRs that QEMU leaves as KVM has them, in one finding. */
function unsetMsrFindings({ consumer, data, definitions, guest }: Comparison): FidelityFinding[] {
  const unset = data.featureMsrs.filter(
    ({ index, mask }) => mask !== U64_MAX && guest.msr(index) === undefined,
  );
  const [first] = unset;
  if (first === undefined) return [];
  const nameOf = (index: number): string => findFeatureMsr(definitions, index)?.name ?? toHex(index);
  return [
    {
      code: 'MsrBitsNotExpressible',
      severity: 'warning',
      where: { msr: toHex(first.index) },
      name: namesOf(unset.map(({ index }) => nameOf(index))),
      message: `${consumer} sets none of these, the guest has what KVM gives it; the profile has ${some(unset.map(({ index, value }) => `${toHex(index)} ${toHex(value)}`))}`,
    },
  ];
}

function msrFindings(entry: MsrAdjustment, comparison: Comparison): FidelityFinding[] {
  const { consumer, version, definitions, guest } = comparison;
  const { index, mask, value } = entry;
  const fixed = U64_MAX & ~mask;
  const word = guest.msr(index);
  if (fixed === 0n || word === undefined) return [];
  const where = { msr: toHex(index) };
  const row = findFeatureMsr(definitions, index);
  const name = (bits: bigint): string => {
    const names = (row?.fields ?? [])
      .filter(({ first, last }) => ((bits >> BigInt(first)) & ((1n << BigInt(last - first + 1)) - 1n)) !== 0n)
      .map((field) => field.name);
    if (names.length === 0) return row?.name ?? 'reserved';
    return names.length > 4
      ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`
      : names.join(', ');
  };
  const known = fixed & ~word.open;
  const differing = (value ^ word.value) & known;
  const open = fixed & word.open;
  const result: FidelityFinding[] = [];
  if (differing !== 0n) {
    const lostOnly = (differing & ~value) === 0n;
    const defects = (row?.fields ?? []).filter(
      ({ first, reversed }) => reversed === true && ((differing & value) >> BigInt(first)) & 1n,
    );
    result.push({
      code: lostOnly ? 'MsrBitsNotExpressible' : 'OverwrittenByConsumer',
      severity: 'warning',
      where,
      name: name(differing),
      message: lostOnly
        ? `${consumer} cannot be told to show ${toHex(differing)}: the guest reads 0 there${newer(
            bitsOf(differing).map((bit) => msrBitName(index, bit)),
            version,
          )}${defects.length === 0 ? '' : `; ${defects.map((field) => field.name).join(' and ')} would have warned it`}`
        : `${consumer} writes ${toHex(word.value & known)}, the profile has ${toHex(value & known)}`,
    });
  }
  if (open !== 0n) {
    result.push({
      code: 'OverwrittenByConsumer',
      severity: 'note',
      where,
      name: name(open),
      message: `${consumer} takes ${toHex(open)} from KVM or from itself`,
    });
  }
  return result;
}
