import { describe, expect, test } from 'vitest';
import { madeHost, madeProfile } from '../../test/domain/made.ts';
import { applyProfile } from './apply.ts';

const host = madeHost({
  cpuid: [
    [0x4, 0, 'eax', 0x1234_5678],
    [0x4, 1, 'eax', 0x1111_1111],
    [0x4, 7, 'eax', 0x2222_2222],
    [0x5, 0, 'edx', 0xffff_ffff],
  ],
  msrs: [
    [0x8b, 0x1_0000_0065n],
    [0x10a, 0xffn],
    [0x345, 0x33n],
    [0x481, 0x7f_0000_0016n],
  ],
});

const profile = madeProfile({
  cpuid: [
    [0x4, 0, 'eax', 0x8000_0001, 0xff],
    [0x4, [1, 0xffff_ffff], 'eax', 0, 0xf],
  ],
  msrs: [
    [0x8b, 0x1n, 0xffff_ffff_0000_0000n],
    [0x10a, 0x3n, 0xf0n],
    [0x481, 0n],
  ],
});

describe('applyProfile', () => {
  const { cpuid, featureMsrs, findings } = applyProfile(profile, host);
  const eax = (leaf: number, subleaf: number) =>
    cpuid.find((entry) => entry.leaf === leaf && entry.subleaf === subleaf)?.eax;

  test('new = (host & mask) | value, unsigned', () => {
    expect(eax(0x4, 0)).toBe(0x8000_0079);
  });
  test('a range applies to every subleaf in it', () => {
    expect(eax(0x4, 1)).toBe(0x1);
    expect(eax(0x4, 7)).toBe(0x2);
  });
  test('a register without an adjustment becomes 0, its entry stays', () => {
    expect(cpuid.map(({ leaf, subleaf }) => [leaf, subleaf])).toEqual(
      host.cpuid.map(({ leaf, subleaf }) => [leaf, subleaf]),
    );
    expect(cpuid.find(({ leaf }) => leaf === 5)).toMatchObject({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
    expect(eax(0, 0)).toBe(0);
  });
  test('feature MSRs: only what is adjusted and can be set', () => {
    expect(featureMsrs).toEqual([
      { index: 0x8b, value: 0x1_0000_0001n },
      { index: 0x10a, value: 0xf3n },
    ]);
    expect(findings).toEqual([]);
  });
  test('says what has no place', () => {
    const asking = madeProfile({ cpuid: [[0x7, 0, 'ebx', 1]], msrs: [[0x48b, 0n]], required: [0x10] });
    expect(applyProfile(asking, host).findings.map(({ code }) => code)).toEqual([
      'CpuidEntryMissing',
      'FeatureMsrMissing',
      'RequiredMsrMissing',
    ]);
  });
});
