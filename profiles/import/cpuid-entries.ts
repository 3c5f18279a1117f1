/** CPUID entries of another program's dump: without repeats, bounded, and asked for their vendor and their gaps. */
import { InputError } from '../model/input-error.ts';
import { toHex } from '../model/numbers.ts';
import { zeroPerCpuIds } from '../model/per-cpu-ids.ts';
import { vendorOf, VENDOR_STRINGS, type Vendor } from '../model/registers.ts';
import type { CpuidEntry } from '../model/snapshot.ts';
import { quoted } from '../model/quoted.ts';
import { MAX_CPUID_ENTRIES, type ImportOptions } from './imported.ts';

export const entryName = ({ leaf, subleaf }: Pick<CpuidEntry, 'leaf' | 'subleaf'>): string =>
  `leaf ${toHex(leaf)} subleaf ${toHex(subleaf)}`;

export const sameEntry = (left: CpuidEntry, right: CpuidEntry): boolean =>
  left.eax === right.eax && left.ebx === right.ebx && left.ecx === right.ecx && left.edx === right.edx;

/** The entries of one CPU by place, with the ids of single CPUs zeroed. */
export class CpuidEntries {
  readonly #entries = new Map<string, CpuidEntry>();

  /** Throws InputError for `place` on a second, different entry and on too many. */
  add(raw: CpuidEntry, place: string): void {
    const entry = zeroPerCpuIds(raw);
    const key = `${entry.leaf}.${entry.subleaf}`;
    const known = this.#entries.get(key);
    if (known !== undefined && !sameEntry(known, entry))
      throw new InputError(place, `${entryName(entry)} appears twice with different values`);
    this.#entries.set(key, known ?? entry);
    if (this.#entries.size > MAX_CPUID_ENTRIES)
      throw new InputError(place, `more than ${MAX_CPUID_ENTRIES} CPUID entries`);
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): CpuidEntry[] {
    return [...this.#entries.values()];
  }

  find(leaf: number, subleaf: number): CpuidEntry | undefined {
    return this.#entries.get(`${leaf}.${subleaf}`);
  }
}

const ADVICE = 'name the vendor (--vendor)';

/**
 * The vendor that leaf 0 names, or else the one the caller says. Throws InputError for `place` when there is none, it
 * is neither Intel nor AMD, or the caller says another.
 */
export function vendorOfEntries(
  place: string,
  leaf0: CpuidEntry | undefined,
  options: ImportOptions,
): Vendor {
  const said = options.vendor;
  if (leaf0 === undefined) {
    if (said === undefined) throw new InputError(place, `has no CPUID leaf 0x0: ${ADVICE}`);
    return said;
  }
  const { ebx, ecx, edx } = leaf0;
  const found = vendorOf(ebx, ecx, edx);
  if (found === undefined) {
    throw new InputError(
      place,
      `CPUID leaf 0x0 names the vendor ${quoted(vendorText(ebx, edx, ecx))}, and profiles are for ${Object.values(VENDOR_STRINGS).join(' and ')}`,
    );
  }
  return agreeing(place, found, said);
}

/** Throws InputError when a source and the caller name different vendors. */
export function agreeing(place: string, found: Vendor, said: Vendor | undefined): Vendor {
  if (said !== undefined && said !== found)
    throw new InputError(place, `is for ${found}, and not for ${said} as was said`);
  return found;
}

/** Throws InputError when the source does not tell its vendor and nobody says it. */
export function saidVendor(place: string, said: Vendor | undefined): Vendor {
  if (said === undefined) throw new InputError(place, `does not say which vendor it is for: ${ADVICE}`);
  return said;
}

const vendorText = (...words: number[]): string =>
  words
    .flatMap((word) => [0, 8, 16, 24].map((shift) => String.fromCharCode((word >>> shift) & 0xff)))
    .join('');

/** The basic and the extended leaves; each range's first leaf says in EAX which is its last. Intel SDM vol. 2A, CPUID. */
const RANGES = [0, 0x8000_0000] as const;

/** false when a leaf is missing that the dump itself says exists: then the dump is a part only. */
export function coversItsLeaves(entries: readonly CpuidEntry[]): boolean {
  const leaves = new Set(entries.map(({ leaf }) => leaf));
  return RANGES.every((first) => {
    const last = entries.find(({ leaf, subleaf }) => leaf === first && subleaf === 0)?.eax;
    if (last === undefined) return false;
    let present = 0;
    for (const leaf of leaves) if (first <= leaf && leaf <= last) present += 1;
    // A CPU without extended leaves answers 0x80000000 with something below it.
    return last < first || present === last - first + 1;
  });
}
