/**
 * Numbers at the edge and inside: registers are 32-bit `number` (always unsigned), MSR values 64-bit `bigint`,
 * and every file, object and JSON output holds them as lower-case hex strings without padding.
 * This is the one file that knows that JavaScript's bitwise operators answer signed numbers.
 */

export const U32_MAX = 0xffff_ffff;
export const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** `left AND right`, unsigned. */
export const and32 = (left: number, right: number): number => (left & right) >>> 0;
/** `left OR right`, unsigned. */
export const or32 = (left: number, right: number): number => (left | right) >>> 0;
/** `value` with every bit turned over, unsigned. */
export const not32 = (value: number): number => ~value >>> 0;
/** The bits of `left` that `right` does not have, unsigned. */
export const minus32 = (left: number, right: number): number => (left & ~right) >>> 0;
/** The bits in which both differ, unsigned. */
export const xor32 = (left: number, right: number): number => (left ^ right) >>> 0;

/** Bits `first` to `last` of a 32-bit word as a mask. */
export function mask32(first: number, last: number): number {
  const width = last - first + 1;
  return width >= 32 ? U32_MAX : (((1 << width) - 1) << first) >>> 0;
}

/** Bits `first` to `last` of a 64-bit word as a mask. */
export function mask64(first: number, last: number): bigint {
  return ((1n << BigInt(last - first + 1)) - 1n) << BigInt(first);
}

/** The numbers of the bits set in `value`, rising. Works for 32-bit and 64-bit words. */
export function bitsOf(value: number | bigint): number[] {
  const bits: number[] = [];
  if (typeof value === 'number') pushBits(value, 0, bits);
  else {
    pushBits(Number(value & 0xffff_ffffn), 0, bits);
    pushBits(Number(value >> 32n), 32, bits);
  }
  return bits;
}

function pushBits(word: number, base: number, bits: number[]): void {
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) {
    bits.push(base + 31 - Math.clz32(rest & -rest));
  }
}

/** Canonical hex: lower case, no padding, `0x0` for zero. */
export const toHex = (value: number | bigint): string => `0x${value.toString(16)}`;

const HEX = /^0[xX][0-9a-fA-F]+$/;

/** Reads a 32-bit hex string; upper case and padding are accepted. `undefined` when it is not one. */
export function parseU32(text: string): number | undefined {
  if (!HEX.test(text) || text.length > 34) return undefined;
  const value = Number(text);
  return value <= U32_MAX ? value : undefined;
}

/** Reads a 64-bit hex string; upper case and padding are accepted. `undefined` when it is not one. */
export function parseU64(text: string): bigint | undefined {
  if (!HEX.test(text) || text.length > 34) return undefined;
  const value = BigInt(text);
  return value <= U64_MAX ? value : undefined;
}
