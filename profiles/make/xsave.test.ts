import { describe, expect, test } from 'vitest';
import { madeData, type CpuidRow } from '../../test/domain/made.ts';
import { recomputeXsaveSize, xsaveSize } from './xsave.ts';

const components: CpuidRow[] = [
  [0xd, 2, 'eax', 0x100],
  [0xd, 2, 'ebx', 0x240],
  [0xd, 7, 'eax', 0x400],
  [0xd, 7, 'ebx', 0x680],
  [0xd, 9, 'eax', 8],
  [0xd, 9, 'ebx', 0xa80],
];
const size = (xcr0: number): number => xsaveSize(madeData({ cpuid: [[0xd, 0, 'eax', xcr0], ...components] }));

describe('the size of the XSAVE area', () => {
  test('is 0 without XSAVE and 576 with x87 and SSE alone', () => {
    expect(size(0)).toBe(0);
    expect(size(0x1)).toBe(576);
    expect(size(0x3)).toBe(576);
  });
  test('reaches the end of the highest component left in XCR0', () => {
    expect(size(0x7)).toBe(0x340);
    expect(size(0xe7)).toBe(0xa80);
    expect(size(0x2e7)).toBe(0xa88);
  });
  test('is computed anew only where it is fixed', () => {
    const data = madeData({ cpuid: [[0xd, 0, 'eax', 0x7], [0xd, 0, 'ecx', 0xa88], ...components] });
    expect(
      recomputeXsaveSize(data).cpuid.find(({ register, subleaf }) => register === 'ecx' && subleaf === 0)
        ?.value,
    ).toBe(0x340);
    const passing = madeData({
      cpuid: [[0xd, 0, 'eax', 0x7], [0xd, 0, 'ecx', 0, 0xffff_ffff], ...components],
    });
    expect(recomputeXsaveSize(passing)).toBe(passing);
  });
});
