import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RELATIONS } from '../model/finding.ts';
import { mask32 } from '../model/numbers.ts';
import { offending32, offending64 } from './relation.ts';

describe('offending32', () => {
  test('subset: what the guest sees and the host lacks', () => {
    expect(offending32('subset', 0b1011, 0b0110, 0xff)).toBe(0b1001);
    expect(offending32('subset', 0b1011, 0b0110, 0b0111)).toBe(0b0001);
  });
  test('superset: what the host sets and the guest does not see', () => {
    expect(offending32('superset', 0b0010, 0b0110, 0xff)).toBe(0b0100);
  });
  test('at-most compares the field as an unsigned number', () => {
    expect(offending32('at-most', 0x8000_0008, 0x8000_0021, 0xffff_ffff)).toBe(0);
    expect(offending32('at-most', 0x8000_0021, 0x8000_0008, 0xffff_ffff)).toBe(0x29);
    expect(offending32('at-most', 0xffff_ffff, 1, 0xffff_ffff)).toBe(0xffff_fffe);
    // Bits outside the field have no say.
    expect(offending32('at-most', 0x0100, 0x0001, 0xff)).toBe(0);
  });
  test('equal: any difference', () => {
    expect(offending32('equal', 0x100, 0x140, 0xffff_ffff)).toBe(0x40);
    expect(offending32('equal', 0x100, 0x140, 0xff00)).toBe(0);
  });
  test('identity and ignore never offend, and the top bit stays unsigned', () => {
    expect(offending32('identity', 0xffff_ffff, 0, 0xffff_ffff)).toBe(0);
    expect(offending32('ignore', 0xffff_ffff, 0, 0xffff_ffff)).toBe(0);
    expect(offending32('subset', 0x8000_0000, 0, 0xffff_ffff)).toBe(0x8000_0000);
  });
});

const word = fc.nat({ max: 0xffff_ffff });
const field = fc
  .tuple(fc.nat({ max: 31 }), fc.nat({ max: 31 }))
  .map(([a, b]) => mask32(Math.min(a, b), Math.max(a, b)));

describe('laws', () => {
  test('a host that shows what the guest sees never offends, under any relation', () => {
    fc.assert(
      fc.property(word, field, (value, mask) =>
        RELATIONS.every((relation) => offending32(relation, value, value, mask) === 0),
      ),
    );
  });
  test('32 and 64 bits agree wherever the field fits into 32', () => {
    fc.assert(
      fc.property(fc.constantFrom(...RELATIONS), word, word, field, (relation, guest, host, mask) => {
        const wide = offending64(relation, BigInt(guest), BigInt(host), BigInt(mask));
        expect(BigInt(offending32(relation, guest, host, mask))).toBe(wide);
      }),
    );
  });
  test('subset offends exactly where superset does with the sides turned', () => {
    fc.assert(
      fc.property(word, word, field, (guest, host, mask) => {
        expect(offending32('subset', guest, host, mask)).toBe(offending32('superset', host, guest, mask));
      }),
    );
  });
});
