import { expect, test } from 'vitest';
import { madeData, type CpuidRow } from '../../test/domain/made.ts';
import { lowerLargestLeaves } from './largest-leaf.ts';
import type { Vendor } from '../model/registers.ts';

const largest = (vendor: Vendor, base: number, cpuid: CpuidRow[]): number | undefined =>
  lowerLargestLeaves(vendor, madeData({ cpuid })).cpuid.find(
    ({ leaf, register }) => leaf === base && register === 'eax',
  )?.value;

test('falls to the highest leaf with a fixed or a passing bit', () => {
  expect(
    largest('intel', 0, [
      [0, 0, 'eax', 0x20],
      [0xd, 0, 'eax', 7],
      [0x1e, 0, 'eax', 0],
    ]),
  ).toBe(0xd);
  expect(
    largest('intel', 0, [
      [0, 0, 'eax', 0x20],
      [0xd, 0, 'eax', 7],
      [0x1f, 0, 'ebx', 0, 0xff],
    ]),
  ).toBe(0x1f);
});
test('never rises', () => {
  expect(
    largest('intel', 0, [
      [0, 0, 'eax', 0x16],
      [0x1f, 0, 'ebx', 0, 0xff],
    ]),
  ).toBe(0x16);
});
test('extended leaves count for themselves, on AMD up to 0x80000021', () => {
  const rows: CpuidRow[] = [
    [0x8000_0000, 0, 'eax', 0x8000_0026],
    [0x24, 0, 'ebx', 1],
    [0x8000_0026, 0, 'eax', 0, 0x1f],
  ];
  expect(largest('amd', 0x8000_0000, rows)).toBe(0x8000_0021);
  expect(
    largest('intel', 0x8000_0000, [
      [0x8000_0000, 0, 'eax', 0x8000_0026],
      [0x8000_0008, 0, 'eax', 0, 0xff],
    ]),
  ).toBe(0x8000_0008);
});
