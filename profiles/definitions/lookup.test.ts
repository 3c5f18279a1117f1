import { describe, expect, it } from 'vitest';
import { definitionsFor } from './definitions.ts';
import { fieldAt, findCpuid, findFeatureMsr, findField, findRange } from './lookup.ts';

const intel = definitionsFor('intel');
const amd = definitionsFor('amd');

describe('findCpuid', () => {
  it('finds every row at its first and last subleaf, and no other', () => {
    for (const definitions of [intel, amd]) {
      for (const row of definitions.cpuid) {
        expect(findCpuid(definitions, row.leaf, row.firstSubleaf, row.register)).toBe(row);
        expect(findCpuid(definitions, row.leaf, row.lastSubleaf, row.register)).toBe(row);
      }
    }
  });

  it('knows subleaf ranges', () => {
    expect(findCpuid(intel, 0xd, 40, 'eax')?.firstSubleaf).toBe(20);
    expect(findCpuid(intel, 0xd, 64, 'eax')).toBeUndefined();
    expect(findCpuid(intel, 0x4, 0xffff_ffff, 'ebx')?.firstSubleaf).toBe(0);
    expect(findCpuid(intel, 0x7, 1, 'ebx')?.fields.map(({ name }) => name)).toEqual(['intel_ppin', 'pbndkb']);
  });

  it('answers undefined for what nobody has defined', () => {
    expect(findCpuid(intel, 0x3, 0, 'eax')).toBeUndefined();
    expect(findCpuid(intel, 0x1, 1, 'eax')).toBeUndefined();
    expect(findCpuid(intel, 0x8000_000a, 0, 'edx')).toBeUndefined();
    expect(findCpuid(amd, 0x8000_000a, 0, 'ecx')).toBeUndefined();
  });

  it('works on definitions made elsewhere', () => {
    const own = { ...intel, cpuid: intel.cpuid.slice(0, 1) };
    expect(findCpuid(own, 0x0, 0, 'eax')).toBe(intel.cpuid[0]);
    expect(findCpuid(own, 0x0, 0, 'ebx')).toBeUndefined();
  });
});

describe('findFeatureMsr', () => {
  it('finds denied ones too', () => {
    expect(findFeatureMsr(intel, 0x10a)?.undefinedBits).toBe('equal');
    expect(findFeatureMsr(amd, 0x10a)?.use).toBe('deny');
    expect(findFeatureMsr(intel, 0xc001_1029)).toBeUndefined();
  });
});

describe('fields', () => {
  it('are found by bit', () => {
    const fields = findCpuid(intel, 0x8000_0008, 0, 'eax')?.fields ?? [];
    expect(fieldAt(fields, 8)?.name).toBe('virt_addr_bits');
    expect(fieldAt(fields, 15)?.name).toBe('virt_addr_bits');
    expect(fieldAt(fields, 31)).toBeUndefined();
    expect(findField(amd, { leaf: 0x8000_0001, subleaf: 0, register: 'ecx', bit: 2 })?.name).toBe('svm');
  });
});

describe('findRange', () => {
  const list = [2, 5, 9].map((first) => ({ first, last: first + 1 }));
  it('agrees with a linear search on every index', () => {
    for (let index = 0; index < 13; index += 1) {
      const linear = list.find(({ first, last }) => first <= index && index <= last);
      expect(findRange(list, index)).toBe(linear);
    }
    expect(findRange(list.slice(0, 0), 1)).toBeUndefined();
  });
});
