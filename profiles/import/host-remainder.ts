/**
 * Sources that only change a host leave everything else as the host has it; in a profile what is not listed is 0. So
 * the remainder is written down as passed through, as far as the tables go.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import { U32_MAX } from '../model/numbers.ts';
import {
  profileDataFromWire,
  profileDataToWire,
  type CpuidAdjustment,
  type ProfileData,
} from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';

/** `rows`, and every register of the vendor's tables that they do not name, with all bits the host's. */
export function withTheRestOfTheHost(vendor: Vendor, rows: readonly CpuidAdjustment[]): CpuidAdjustment[] {
  const named = Map.groupBy(rows, ({ leaf, register }) => `${leaf}.${register}`);
  const rest = definitionsFor(vendor).cpuid.flatMap(({ leaf, firstSubleaf, lastSubleaf, register }) =>
    gaps(firstSubleaf, lastSubleaf, named.get(`${leaf}.${register}`) ?? []).map(
      ([subleaf, last]): CpuidAdjustment => ({
        leaf,
        subleaf,
        lastSubleaf: last,
        register,
        mask: U32_MAX,
        value: 0,
      }),
    ),
  );
  return [...rows, ...rest];
}

/** The parts of `first` to `last` that no row covers. */
function gaps(first: number, last: number, rows: readonly CpuidAdjustment[]): [number, number][] {
  const found: [number, number][] = [];
  let next = first;
  for (const row of [...rows].sort((left, right) => left.subleaf - right.subleaf)) {
    if (row.subleaf > last) break;
    if (row.subleaf > next) found.push([next, row.subleaf - 1]);
    next = Math.max(next, row.lastSubleaf + 1);
  }
  if (next <= last) found.push([next, last]);
  return found;
}

/** Sorted, repeats merged; throws InputError naming `place` for overlaps. */
export const normalisedData = (place: string, data: ProfileData): ProfileData =>
  profileDataFromWire(profileDataToWire(data), place).data;
