/** The brand string, CPUID 0x80000002 to 0x80000004: 48 bytes with a closing NUL. Intel SDM vol. 2A; AMD APM vol. 3, E.4.3. */
import type { CpuidAdjustment, ProfileData } from '../model/profile.ts';
import { REGISTERS, type Register, type Vendor } from '../model/registers.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { InputError } from '../model/input-error.ts';

export const BRAND_LEAVES: readonly number[] = [0x8000_0002, 0x8000_0003, 0x8000_0004];
const BRAND_BYTES = 48;

const MAKERS: Readonly<Record<Vendor, string>> = { intel: 'Intel', amd: 'AMD' };

/** The brand string of a profile: the maker and the profile's name, as published profiles have it. */
export const brandOf = (vendor: Vendor, name: string): string => `${MAKERS[vendor]} ${name}`;

/** The twelve registers of `text`, zero padded. Throws InputError when it is not ASCII or leaves no room for the NUL. */
export function brandAdjustments(text: string): CpuidAdjustment[] {
  if (!/^[\x20-\x7e]*$/.test(text))
    throw new InputError('name', 'the brand string takes printable ASCII only');
  if (text.length >= BRAND_BYTES) {
    throw new InputError(
      'name',
      `the brand string "${text}" has ${text.length} characters; ${BRAND_BYTES - 1} fit`,
    );
  }
  return BRAND_LEAVES.flatMap((leaf, part) =>
    REGISTERS.map((register, i) => ({
      leaf,
      subleaf: 0,
      lastSubleaf: 0,
      register,
      mask: 0,
      value: word(text, 4 * (4 * part + i)),
    })),
  );
}

/** Four characters from `start` as a little-endian word. */
const word = (text: string, start: number): number =>
  [0, 1, 2, 3].reduce((value, i) => value + (text.charCodeAt(start + i) || 0) * 2 ** (8 * i), 0);

/** `data` with the brand string `text`. */
export const withBrand = (data: ProfileData, text: string): ProfileData => ({
  ...data,
  cpuid: [...data.cpuid.filter(({ leaf }) => !BRAND_LEAVES.includes(leaf)), ...brandAdjustments(text)],
});

/** The brand string a profile shows, up to its NUL; `undefined` when it has none or leaves bits of it to the host. */
export function brandIn(data: ProfileData): string | undefined {
  const bytes: number[] = [];
  for (const leaf of BRAND_LEAVES) {
    for (const register of REGISTERS satisfies readonly Register[]) {
      const entry = adjustmentAt(data, leaf, 0, register);
      if (entry === undefined || entry.mask !== 0) return undefined;
      for (const shift of [0, 8, 16, 24]) bytes.push((entry.value >>> shift) & 0xff);
    }
  }
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.slice(0, end === -1 ? BRAND_BYTES : end));
}
