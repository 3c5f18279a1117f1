/** CPUID 0xd.0 ECX, the size of the XSAVE area for everything the guest may enable. Intel SDM vol. 1, 13.2. */
import type { CpuidAdjustment, ProfileData } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';

/** The legacy region and the XSAVE header, which are there whatever is enabled. */
const LEGACY_AND_HEADER = 512 + 64;

const XSAVE_SIZE = { leaf: 0xd, subleaf: 0, register: 'ecx' } as const;

/**
 * The greatest offset + size over the user components left in XCR0, at least 576; 0 without XSAVE. Components 0
 * and 1 live in the legacy region.
 */
export function xsaveSize(data: ProfileData): number {
  const word = (subleaf: number, register: CpuidAdjustment['register']): number =>
    adjustmentAt(data, 0xd, subleaf, register)?.value ?? 0;
  const [low, high] = [word(0, 'eax'), word(0, 'edx')];
  if (low === 0 && high === 0) return 0;
  let size = LEGACY_AND_HEADER;
  for (let component = 2; component < 64; component += 1) {
    const half = component < 32 ? low : high;
    if (((half >>> (component % 32)) & 1) === 1)
      size = Math.max(size, word(component, 'ebx') + word(component, 'eax'));
  }
  return Math.min(size, 0xffff_ffff);
}

/** `data` with 0xd.0 ECX computed anew where it is fixed; a size that shines through from the host stays so. */
export function recomputeXsaveSize(data: ProfileData): ProfileData {
  const { leaf, subleaf, register } = XSAVE_SIZE;
  const known = adjustmentAt(data, leaf, subleaf, register);
  if (known === undefined || known.mask !== 0) return data;
  return fixXsaveSize(data);
}

/** `data` with 0xd.0 ECX fixed to the computed size, where the profile has the register at all. */
export function fixXsaveSize(data: ProfileData): ProfileData {
  const known = adjustmentAt(data, XSAVE_SIZE.leaf, XSAVE_SIZE.subleaf, XSAVE_SIZE.register);
  const value = xsaveSize(data);
  return {
    ...data,
    cpuid: data.cpuid.map((entry) => (entry === known ? { ...entry, mask: 0, value } : entry)),
  };
}
