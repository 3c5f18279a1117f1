/** The largest-leaf fields, 0x0 and 0x80000000 EAX: as high as the profile has something to show, and no higher. */
import type { CpuidAdjustment, ProfileData } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import { LARGEST_LEAF_BASES, leafBlock } from '../verdict/exceptions.ts';

/** Kernel 6.18 reports 0x80000022 and later on AMD, all zero; older ones end here. */
const AMD_LAST_EXTENDED = 0x8000_0021;

/**
 * Lowers both fields to the highest leaf in which the profile fixes a non-zero bit or lets bits of the host
 * through, so that hosts whose kernels end earlier stay in. Never raises one.
 */
export function lowerLargestLeaves(vendor: Vendor, data: ProfileData): ProfileData {
  const lowered = (entry: CpuidAdjustment): CpuidAdjustment => {
    if (!LARGEST_LEAF_BASES.includes(entry.leaf) || entry.register !== 'eax') return entry;
    const highest = highestLeaf(data, entry.leaf);
    const cap = vendor === 'amd' && entry.leaf === 0x8000_0000 ? AMD_LAST_EXTENDED : 0xffff_ffff;
    return { ...entry, value: Math.min(entry.value, highest, cap) };
  };
  return { ...data, cpuid: data.cpuid.map(lowered) };
}

/** The highest leaf of `base`'s block that is not zero on every host; `base` itself when there is none. */
const highestLeaf = (data: ProfileData, base: number): number =>
  data.cpuid
    .filter(({ leaf, mask, value }) => leafBlock(leaf) === leafBlock(base) && (mask !== 0 || value !== 0))
    .reduce((highest, { leaf }) => Math.max(highest, leaf), base);
