import { describe, expect, test } from 'vitest';
import { madeHost, madeProfile } from '../../test/domain/made.ts';
import { check } from './check.ts';
import { notTold32, notTold64 } from './kvm-decides.ts';

const bits = (...numbers: readonly number[]): bigint =>
  numbers.reduce((word, bit) => word | (1n << BigInt(bit)), 0n);

describe('KvmDecides', () => {
  test('only a raw dump leaves open what KVM emulates', () => {
    expect(notTold32('raw', 0x1, 0, 'ecx') & (1 << 21)).not.toBe(0);
    expect(notTold32('raw', 0x1, 0, 'ecx') & 1).toBe(0);
    expect(notTold32('kvm', 0x1, 0, 'ecx')).toBe(0);
    expect(notTold32('guest', 0x1, 0, 'ecx')).toBe(0);
    expect(notTold32('raw', 0x4000_0001, 0, 'eax')).toBe(0xffff_ffff);
  });
  test("VMX MSRs count only from KVM's complete answer", () => {
    expect(notTold64('kvm', false, 0x48b)).toBe(0n);
    expect(notTold64('kvm', true, 0x48b)).toBe(0xffff_ffff_ffff_ffffn);
    expect(notTold64('raw', false, 0x480)).toBe(0xffff_ffff_ffff_ffffn);
  });
  test('of IA32_ARCH_CAPABILITIES a raw dump tells what KVM passes on: RRSBA and FB_CLEAR, not RDCL_NO', () => {
    const untold = notTold64('raw', false, 0x10a);
    expect(untold & bits(17, 19)).toBe(0n);
    expect(untold & bits(0, 31, 63)).toBe(bits(0, 31, 63));
  });
});

describe('a raw dump without a leaf that KVM adds', () => {
  const profile = madeProfile({
    vendor: 'amd',
    cpuid: [
      [0x8000_0000, 0, 'eax', 0x8000_0021],
      [0x8000_0021, 0, 'eax', 0x44],
    ],
  });
  const zen2 = { vendor: 'amd', cpuid: [[0x8000_0000, 0, 'eax', 0x8000_0020]] } as const;
  test('says nothing of the bits that KVM sets there', () => {
    const { compatible, findings } = check(profile, madeHost({ ...zen2, source: 'raw' }));
    expect(compatible).toBe('Unknown');
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['NotObserved']));
  });
  test("in KVM's own answer the leaf is missing", () => {
    expect(check(profile, madeHost(zen2))).toMatchObject({
      compatible: 'No',
      findings: [{ code: 'CpuidValueTooLow' }, { code: 'CpuidEntryMissing' }],
    });
  });
});
