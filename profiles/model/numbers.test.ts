import { expect, test } from 'vitest';
import {
  bitsOf,
  mask32,
  mask64,
  minus32,
  not32,
  or32,
  parseU32,
  parseU64,
  U32_MAX,
  U64_MAX,
  xor32,
} from './numbers.ts';

test('words of 32 bits stay unsigned', () => {
  expect(not32(0)).toBe(U32_MAX);
  expect(not32(0x7fff_ffff)).toBe(0x8000_0000);
  expect(or32(0x8000_0000, 1)).toBe(0x8000_0001);
  expect(xor32(U32_MAX, 1)).toBe(0xffff_fffe);
  expect(minus32(U32_MAX, 0x7fff_ffff)).toBe(0x8000_0000);
});

test('masks', () => {
  expect([mask32(0, 31), mask32(31, 31), mask32(4, 7), mask32(0, 0)]).toEqual([
    U32_MAX,
    0x8000_0000,
    0xf0,
    1,
  ]);
  expect([mask64(0, 63), mask64(63, 63), mask64(30, 33)]).toEqual([U64_MAX, 1n << 63n, 0x3_c000_0000n]);
});

test('the bits of a word, rising', () => {
  expect(bitsOf(0)).toEqual([]);
  expect(bitsOf(0x8000_0005)).toEqual([0, 2, 31]);
  expect(bitsOf(0n)).toEqual([]);
  expect(bitsOf((1n << 63n) | (1n << 32n) | (1n << 31n) | 1n)).toEqual([0, 31, 32, 63]);
});

const padded = (zeros: number, digits: string): string => `0x${'0'.repeat(zeros)}${digits}`;

test.each([
  ['0x0', 0],
  ['0X1F', 31],
  ['0xffffffff', U32_MAX],
  [padded(24, 'ffffffff'), U32_MAX],
  ['0x100000000', undefined],
  [padded(25, 'ffffffff'), undefined],
  ['ff', undefined],
  ['0x', undefined],
  ['0x1g', undefined],
  [' 0x1', undefined],
  ['0x1 ', undefined],
  ['', undefined],
])('%s as 32 bits', (text, value) => {
  expect(parseU32(text)).toBe(value);
});

test.each([
  ['0x0', 0n],
  ['0xFFFFFFFFFFFFFFFF', U64_MAX],
  [padded(16, 'ffffffffffffffff'), U64_MAX],
  ['0x10000000000000000', undefined],
  [padded(17, 'ffffffffffffffff'), undefined],
  ['12', undefined],
  ['0xx', undefined],
  ['', undefined],
])('%s as 64 bits', (text, value) => {
  expect(parseU64(text)).toBe(value);
});
