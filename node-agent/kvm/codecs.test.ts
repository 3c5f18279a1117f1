import { expect, test } from 'vitest';
import {
  cpuidBuffer,
  decodeCpuid,
  decodeMsrList,
  decodeMsrs,
  encodeMsrs,
  msrListBuffer,
  msrListLength,
} from './codecs.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

test('struct kvm_cpuid2: 8 bytes of header, 40 bytes an entry, flags and padding skipped', () => {
  const golden = bytes(`
    02000000 00000000
    00000000 00000000 00000000 1c000000 41757468 63414d44 656e7469 000000000000000000000000
    07000000 01000000 01000000 ffffffff 00000080 01000000 fecaadde 000000000000000000000000`);
  expect(decodeCpuid(golden)).toEqual([
    { leaf: 0, subleaf: 0, eax: 0x1c, ebx: 0x68747541, ecx: 0x444d4163, edx: 0x69746e65 },
    { leaf: 7, subleaf: 1, eax: 0xffff_ffff, ebx: 0x8000_0000, ecx: 1, edx: 0xdead_cafe },
  ]);
});

test('an empty struct kvm_cpuid2 says how many entries it has room for', () => {
  expect(cpuidBuffer(2)).toEqual(bytes(`02000000 00000000 ${'00'.repeat(80)}`));
});

test('a count beyond the buffer is refused, not read', () => {
  expect(() => decodeCpuid(bytes('02000000 00000000'))).toThrow(RangeError);
  expect(() => decodeMsrList(bytes('02000000 10000000'))).toThrow(RangeError);
  expect(() => decodeMsrs(bytes('01000000 00000000 10000000'))).toThrow(RangeError);
});

test('struct kvm_msr_list: a count and 32-bit indices', () => {
  expect(msrListBuffer(3)).toEqual(bytes('03000000 00000000 00000000 00000000'));
  const golden = bytes('03000000 10000000 810000c0 004d564b');
  expect(msrListLength(golden)).toBe(3);
  expect(decodeMsrList(golden)).toEqual([0x10, 0xc000_0081, 0x4b56_4d00]);
});

test('struct kvm_msrs: 16 bytes an entry, values of 64 bits', () => {
  const msrs = [
    { index: 0x10a, value: 0x4000_0000_0c00_0069n },
    { index: 0xc001_1029, value: 0xffff_ffff_ffff_ffffn },
  ];
  const golden = bytes(`
    02000000 00000000
    0a010000 00000000 6900000c 00000040
    291001c0 00000000 ffffffff ffffffff`);
  expect(encodeMsrs(msrs)).toEqual(golden);
  expect(decodeMsrs(golden)).toEqual(msrs);
});

test('structures inside a larger buffer are read at their own offset', () => {
  const golden = bytes('ffffffff 01000000 3a000000').subarray(4);
  expect(decodeMsrList(golden)).toEqual([0x3a]);
});
