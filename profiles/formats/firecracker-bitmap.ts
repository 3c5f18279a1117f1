/** The bitmaps of Firecracker's CPU templates: one character a bit, the highest first. */
import { InputError } from '../model/input-error.ts';
import { bitsOf, toHex } from '../model/numbers.ts';
import { quoted } from '../model/quoted.ts';

/** `0b`, then x for the host's, else the fixed value. */
export function toBitmap(mask: bigint, value: bigint, width: 32 | 64): string {
  const characters = Array.from({ length: width }, () => '0');
  for (const bit of bitsOf(value)) characters[width - 1 - bit] = '1';
  for (const bit of bitsOf(mask)) characters[width - 1 - bit] = 'x';
  return `0b${characters.join('')}`;
}

/** Reads a bitmap; `_` separates. Throws InputError for `place`. */
export function fromBitmap(text: string, width: 32 | 64, place: string): { mask: string; value: string } {
  const characters = text.replace(/^0b/, '').replaceAll('_', '');
  if (!text.startsWith('0b') || !/^[01x]+$/.test(characters) || characters.length > width) {
    throw new InputError(place, `${quoted(text, 80)} is not 0b and at most ${width} of 0, 1 and x`);
  }
  const word = (set: string): string =>
    toHex(BigInt(`0b${characters.replace(/./g, (character) => (character === set ? '1' : '0'))}`));
  // A bitmap shorter than the register says nothing about the bits above: they stay the host's.
  const above = ((1n << BigInt(width)) - 1n) & ~((1n << BigInt(characters.length)) - 1n);
  return { mask: toHex(BigInt(word('x')) | above), value: word('1') };
}
