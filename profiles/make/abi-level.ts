/** The level of the x86-64 psABI that a profile offers to programs. */
import { ABI_LEVELS } from '../definitions/models/abi-levels.ts';
import { minus32 } from '../model/numbers.ts';
import type { ProfileData } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';

/** `x86-64-v3`; `undefined` where not even the first level is promised. Bits of the host do not count as promised. */
export function abiLevelOf(data: ProfileData): string | undefined {
  const promised = (leaf: number, subleaf: number, register: 'eax' | 'ebx' | 'ecx' | 'edx'): number =>
    adjustmentAt(data, leaf, subleaf, register)?.value ?? 0;
  return ABI_LEVELS.findLast(({ cpuid, xcr0 }) =>
    [...cpuid, { leaf: 0xd, subleaf: 0, register: 'eax' as const, value: xcr0 }].every(
      ({ leaf, subleaf, register, value }) => minus32(value, promised(leaf, subleaf, register)) === 0,
    ),
  )?.id;
}
