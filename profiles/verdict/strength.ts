/** How much a profile promises to guests, as one number to sort by. */
import { rowMasks } from '../definitions/row-masks.ts';
import { and32, bitsOf, or32 } from '../model/numbers.ts';
import type { Profile } from '../model/profile.ts';
import { compileProfile } from './compile.ts';

/**
 * The number of CPUID and feature MSR bits that a host must have set, or must have clear where a set bit is bad news. A
 * profile that fits wherever another one fits is never stronger; values such as sizes do not count.
 */
export function strength(profile: Profile): number {
  const { cpuid, msrs } = compileProfile(profile);
  const inRegisters = cpuid.registers.map(({ row, care }) => {
    const { subset, superset } = rowMasks(row);
    return bitsOf(and32(care, or32(subset, superset))).length;
  });
  const inMsrs = msrs.adjusted.flatMap(({ value, mask: open, fields }) =>
    fields.map((field) => {
      if (field.relation === 'subset') return bitsOf(value & field.mask).length;
      return field.relation === 'superset' ? bitsOf(~open & ~value & field.mask).length : 0;
    }),
  );
  return [...inRegisters, ...inMsrs].reduce((sum, bits) => sum + bits, 0);
}
