/** Where a finding points, as people write it: `CPUID 7.0:EBX`, `MSR 0x10a`. */
import type { Where } from '../../profiles/model/finding.ts';

export function placeText(where: Where): string {
  if ('msr' in where) return `MSR ${where.msr}`;
  if (!('leaf' in where)) return '';
  return `CPUID ${where.leaf.slice(2)}.${where.subleaf.slice(2)}:${where.register.toUpperCase()}`;
}
