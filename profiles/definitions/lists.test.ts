import { describe, expect, it } from 'vitest';
import type { CpuidBit } from './types.ts';
import { definitionsFor } from './definitions.ts';
import {
  isForbidden,
  isHyperV,
  isNonArchitectural,
  isX2Apic,
  permittedFor,
  type PermittedContext,
} from './lists.ts';
import { findRange } from './lookup.ts';

const intel = definitionsFor('intel');
const amd = definitionsFor('amd');
const bare: PermittedContext = { forcedToZero: () => true, nested: false, hyperv: false };
const full: PermittedContext = { forcedToZero: () => false, nested: true, hyperv: true };
const zero =
  (leaf: number, register: string, bit: number) =>
  (at: CpuidBit): boolean =>
    at.leaf === leaf && at.register === register && at.bit === bit;

describe('permittedFor', () => {
  it('keeps what has no condition where a profile shows nothing', () => {
    const rows = permittedFor(intel, bare);
    expect(findRange(rows, 0x10)?.name).toBe('IA32_TIME_STAMP_COUNTER');
    for (const index of [0x48, 0x123, 0xda0, 0x11, 0x4b56_4d00, 0x4000_0000, 0xc000_0080]) {
      expect(findRange(rows, index), index.toString(16)).toBeUndefined();
    }
  });

  it('takes one of several bits as enough', () => {
    const without = (leaf: number, register: string, bit: number) => ({
      ...full,
      forcedToZero: zero(leaf, register, bit),
    });
    expect(findRange(permittedFor(amd, without(0x7, 'edx', 26)), 0x48)?.name).toBe('SPEC_CTRL');
    expect(findRange(permittedFor(intel, without(0x7, 'edx', 26)), 0x48)).toBeUndefined();
  });

  it('permits IA32_XSS with XSAVES', () => {
    expect(findRange(permittedFor(amd, full), 0xda0)?.access).toBe('rw');
    expect(
      findRange(permittedFor(amd, { ...full, forcedToZero: zero(0xd, 'eax', 3) }), 0xda0),
    ).toBeUndefined();
  });

  it("has SVM's MSRs with nesting and Hyper-V's with hyperv only", () => {
    for (const index of [0xc000_0104, 0xc001_0114, 0xc001_0117]) {
      expect(findRange(permittedFor(amd, full), index)).toBeDefined();
      expect(findRange(permittedFor(amd, { ...full, nested: false }), index)).toBeUndefined();
    }
    expect(findRange(permittedFor(amd, full), 0x4000_0118)?.option).toBe('hyperv');
    expect(findRange(permittedFor(amd, { ...full, hyperv: false }), 0x4000_0118)).toBeUndefined();
  });
});

describe('predicates', () => {
  it("FRED's MSRs are forbidden on both, HWCR on Intel only", () => {
    for (const definitions of [intel, amd]) {
      expect(isForbidden(definitions, 0x1cb)).toBe(false);
      expect(isForbidden(definitions, 0x1cc)).toBe(true);
      expect(isForbidden(definitions, 0x1d4)).toBe(true);
      expect(isForbidden(definitions, 0x1d9)).toBe(true);
      expect(isForbidden(definitions, 0x10)).toBe(false);
    }
    expect(isForbidden(intel, 0xc001_0015)).toBe(true);
    expect(isForbidden(amd, 0xc001_0015)).toBe(false);
  });

  it("KVM's old clock is permitted, not model-specific", () => {
    expect([0x11, 0x12, 0x13].map((index) => isNonArchitectural(intel, index))).toEqual([false, false, true]);
    expect(isNonArchitectural(amd, 0x13)).toBe(false);
  });

  it('Hyper-V and x2APIC are ranges', () => {
    expect([0x4000_0000, 0x4000_0024, 0x4000_0095].map((index) => isHyperV(intel, index))).toEqual([
      true,
      false,
      true,
    ]);
    expect([0x7ff, 0x800, 0x8ff, 0x900].map(isX2Apic)).toEqual([false, true, true, false]);
  });
});
