import { describe, expect, test } from 'vitest';
import { leafBlock, toleratedArchCapabilities, writtenLater } from './exceptions.ts';

const bits = (...numbers: readonly number[]): bigint =>
  numbers.reduce((word, bit) => word | (1n << BigInt(bit)), 0n);

describe('FbClearTolerated', () => {
  const immune = bits(5, 8, 13, 14, 15);
  test('FB_CLEAR alone may be missing on a host that is immune to all it is used against', () => {
    expect(toleratedArchCapabilities(bits(5, 13, 17), immune)).toBe(bits(17));
  });
  test.each([5, 8, 13, 14, 15])('not without bit %i', (bit) => {
    expect(toleratedArchCapabilities(bits(17), immune & ~bits(bit))).toBe(0n);
  });
  test('not when another bit is missing too', () => {
    expect(toleratedArchCapabilities(bits(17, 27), immune)).toBe(0n);
  });
  test('nothing to tolerate where the host has it', () => {
    expect(toleratedArchCapabilities(bits(17), immune | bits(17))).toBe(0n);
  });
  test('Sapphire Rapids with TSX on (bit 8 clear) does not get it', () => {
    expect(toleratedArchCapabilities(0x2_0000n, 0x4000_0000_0c08_e0ebn)).toBe(0n);
  });
});

describe('WrittenLater', () => {
  test.each([
    ['APIC id and count', 0x1, 0, 'ebx', 0xffff_0000],
    ['VMX, TSC deadline, OSXSAVE, hypervisor', 0x1, 0, 'ecx', 0x8900_0020],
    ['MTRR, HTT', 0x1, 0, 'edx', 0x1000_1000],
    ['cache sharing', 0x4, 3, 'eax', 0xffff_c000],
    ['topology', 0xb, 1, 'edx', 0xffff_ffff],
    ['OSPKE', 0x7, 0, 'ecx', 0x10],
    ['nothing in another subleaf', 0x7, 1, 'ecx', 0],
    ['sizes that follow XCR0', 0xd, 0, 'ebx', 0xffff_ffff],
    ['the size for all of XCR0 does not', 0xd, 0, 'ecx', 0],
    ['address widths', 0x8000_0008, 0, 'eax', 0xffff_ffff],
    ['AMD only', 0x8000_0008, 0, 'ecx', 0],
  ] as const)('%s', (_what, leaf, subleaf, register, expected) => {
    expect(writtenLater('intel', leaf, subleaf, register)).toBe(expected);
  });
  test('AMD writes its own topology leaves', () => {
    expect(writtenLater('amd', 0x8000_0008, 0, 'ecx')).toBe(0xffff_ffff);
    expect(writtenLater('amd', 0x8000_001d, 2, 'eax')).toBe(0xffff_ffff);
    expect(writtenLater('intel', 0x8000_001e, 0, 'eax')).toBe(0);
  });
});

test('leaves fall into basic, hypervisor and extended', () => {
  expect([0x24, 0x4000_0001, 0x8000_0021].map(leafBlock)).toEqual([0, 0x4000_0000, 0x8000_0000]);
});
