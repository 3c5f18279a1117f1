/**
 * CPUID bits that Firecracker sets after it has applied a template: what a template says there is lost.
 * Source: Firecracker, docs/cpu_templates/cpuid-normalization.md and src/vmm/src/cpu_config/x86_64/cpuid.
 */
import { REGISTERS, type Register, type Vendor } from '../model/registers.ts';
import type { Rewrite } from './fidelity.ts';

const bits = (leaf: number, register: Register, first: number, last: number, becomes?: number): Rewrite => ({
  leaf,
  register,
  first,
  last,
  ...(becomes !== undefined && { becomes }),
});
const whole = (leaf: number, ...registers: readonly Register[]): Rewrite[] =>
  registers.map((register) => bits(leaf, register, 0, 31));
const brandString = [0x8000_0002, 0x8000_0003, 0x8000_0004].flatMap((leaf) => whole(leaf, ...REGISTERS));

const COMMON: readonly Rewrite[] = [
  ...whole(0x0, 'ebx', 'ecx', 'edx'),
  bits(0x1, 'ebx', 8, 15, 8),
  bits(0x1, 'ebx', 16, 31),
  bits(0x1, 'ecx', 15, 15, 0),
  bits(0x1, 'ecx', 24, 24, 1),
  bits(0x1, 'ecx', 31, 31, 1),
  bits(0x1, 'edx', 28, 28),
  ...whole(0xb, ...REGISTERS),
  ...whole(0x8000_0006, ...REGISTERS),
  ...brandString,
];

export const FIRECRACKER_NORMALIZATION: Readonly<Record<Vendor, readonly Rewrite[]>> = {
  intel: [
    ...COMMON,
    bits(0x4, 'eax', 14, 31),
    bits(0x6, 'eax', 1, 1, 0),
    bits(0x6, 'ecx', 3, 3, 0),
    { ...bits(0x7, 'ebx', 6, 6, 1), subleaf: 0 },
    { ...bits(0x7, 'ebx', 13, 13, 1), subleaf: 0 },
    { ...bits(0x7, 'ecx', 5, 5, 0), subleaf: 0 },
    ...REGISTERS.map((register) => bits(0xa, register, 0, 31, 0)),
    ...whole(0x1f, ...REGISTERS),
  ],
  amd: [
    ...COMMON,
    { ...bits(0x7, 'edx', 29, 29, 0), subleaf: 0 },
    bits(0x8000_0000, 'eax', 0, 31, 0x8000_001f),
    bits(0x8000_0001, 'ecx', 22, 22, 1),
    bits(0x8000_0008, 'ecx', 0, 7),
    bits(0x8000_0008, 'ecx', 12, 15, 7),
    ...whole(0x8000_001d, ...REGISTERS),
    ...whole(0x8000_001e, 'eax', 'ebx', 'ecx'),
  ],
};
