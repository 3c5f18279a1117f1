import { describe, expect, test } from 'vitest';
import { AMD, INTEL, madeData, type CpuidRow } from '../../test/domain/made.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { hasOption, withoutOption } from './options.ts';
import { resolve } from './resolve.ts';
import type { ProfileData } from '../model/profile.ts';

const catalogue = (catalog: string): ProfileData => {
  const resolved = resolve({ vendor: 'intel', catalog });
  if (!resolved.ok) throw new Error(resolved.message);
  return resolved.profile.data;
};
const sapphireRapids = catalogue('sapphire-rapids');
const value = (data: ProfileData, ...[leaf, subleaf, register]: [number, number, CpuidRow[2]]) =>
  adjustmentAt(data, leaf, subleaf, register)?.value;

describe('nested', () => {
  const without = withoutOption(sapphireRapids, 'nested', INTEL);
  test('clears VMX and drops 0x480-0x493 from both lists', () => {
    expect(hasOption(sapphireRapids, 'nested', INTEL)).toBe(true);
    expect(hasOption(without, 'nested', INTEL)).toBe(false);
    expect(value(without, 1, 0, 'ecx')).toBe(0x76fa_3203);
    expect(without.featureMsrs.map(({ index }) => index)).toEqual([0x8b, 0x10a]);
    expect(sapphireRapids.requiredMsrs.filter((index) => !without.requiredMsrs.includes(index))).toEqual(
      Array.from({ length: 18 }, (_, i) => 0x480 + i),
    );
  });
  test('on AMD it is SVM, the whole leaf 0x8000000a and three MSRs', () => {
    const data = madeData({
      vendor: 'amd',
      cpuid: [
        [0x8000_0001, 0, 'ecx', 0x7],
        [0x8000_000a, 0, 'eax', 1],
        [0x8000_000a, 0, 'ecx', 1],
        [0x8000_000a, 0, 'edx', 0xff, 0xff00],
      ],
      required: [0x10, 0xc000_0104, 0xc001_0114, 0xc001_0117],
    });
    const rest = withoutOption(data, 'nested', AMD);
    expect(rest.cpuid.map(({ mask, value }) => [mask, value])).toEqual([
      [0, 0x3],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(rest.requiredMsrs).toEqual([0x10]);
  });
});

describe('amx', () => {
  const without = withoutOption(sapphireRapids, 'amx', INTEL);
  test('takes every bit and size of it', () => {
    expect(hasOption(without, 'amx', INTEL)).toBe(false);
    expect(value(without, 0xd, 0, 'eax')).toBe(0x2e7);
    expect(value(without, 0xd, 1, 'eax')).toBe(0xf);
    expect(value(without, 0x7, 0, 'edx')).toBe(0xbc80_4410);
    expect(
      [0x11, 0x12].flatMap((component) =>
        ['eax', 'ebx', 'ecx'].map((register) =>
          value(without, 0xd, component, register === 'eax' ? 'eax' : register === 'ebx' ? 'ebx' : 'ecx'),
        ),
      ),
    ).toEqual([0, 0, 0, 0, 0, 0]);
    expect(
      without.cpuid.filter(({ leaf, value }) => (leaf === 0x1d || leaf === 0x1e) && value !== 0),
    ).toEqual([]);
  });
  test('XFD goes with its MSRs', () => {
    expect(sapphireRapids.requiredMsrs.filter((index) => !without.requiredMsrs.includes(index))).toEqual([
      0x1c4, 0x1c5,
    ]);
  });
  test('a fixed size of the XSAVE area shrinks, a wide range is cut at its borders', () => {
    const data = madeData({
      cpuid: [
        [0x7, 0, 'edx', 1 << 24],
        [0xd, 0, 'eax', 0x6_0003],
        [0xd, 0, 'ecx', 0x2b00],
        [0xd, [0x10, 0x13], 'eax', 0x40],
        [0xd, 0x12, 'ebx', 0xb00],
      ],
    });
    const rest = withoutOption(data, 'amx', INTEL);
    expect(value(rest, 0xd, 0, 'ecx')).toBe(576);
    expect(
      rest.cpuid.filter(({ leaf, register, subleaf }) => leaf === 0xd && register === 'eax' && subleaf > 0),
    ).toMatchObject([
      { subleaf: 0x10, lastSubleaf: 0x10, value: 0x40 },
      { subleaf: 0x11, lastSubleaf: 0x12, value: 0 },
      { subleaf: 0x13, lastSubleaf: 0x13, value: 0x40 },
    ]);
  });
});

describe('hyperv', () => {
  test('drops the Hyper-V MSRs and nothing else', () => {
    const without = withoutOption(sapphireRapids, 'hyperv', INTEL);
    const gone = sapphireRapids.requiredMsrs.filter((index) => !without.requiredMsrs.includes(index));
    expect(gone).toHaveLength(23);
    expect(gone.every((index) => index >= 0x4000_0000 && index <= 0x4000_01ff)).toBe(true);
    expect(without.cpuid).toBe(sapphireRapids.cpuid);
  });
});

test('taking away what is not there changes nothing', () => {
  const skylake = catalogue('skylake');
  expect(withoutOption(skylake, 'amx', INTEL)).toEqual(skylake);
});
