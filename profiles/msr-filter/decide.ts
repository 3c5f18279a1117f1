/** What KVM does with a guest's MSR access under a filter: kvm_msr_allowed (Linux arch/x86/kvm/x86.c), line by line. */
import type { CompiledFilter } from './compile.ts';
import { isX2apic } from './permitted.ts';

export type FilterDecision = 'allowed' | 'denied' | 'not-filterable';

/**
 * `access` r: RDMSR, w: WRMSR. x2APIC MSRs go past every filter. Of the ranges, the first that covers the index in
 * this direction decides by its bit; where none does, the default. MSRs loaded by the lists of a nested VM entry or
 * exit are not filtered either, whatever this says.
 */
export function filterDecision(filter: CompiledFilter, index: number, access: 'r' | 'w'): FilterDecision {
  if (isX2apic(index)) return 'not-filterable';
  const direction = access === 'r' ? 1 : 2;
  for (const { flags, base, count, bitmap } of filter.ranges) {
    if (index < base || index >= base + count || (flags & direction) === 0) continue;
    const at = index - base;
    return (((bitmap[at >> 3] ?? 0) >> (at & 7)) & 1) === 1 ? 'allowed' : 'denied';
  }
  return filter.flags === 0 ? 'allowed' : 'denied';
}
