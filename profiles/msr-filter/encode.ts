/** The bytes that KVM_X86_SET_MSR_FILTER (0x4188aec6) takes; Linux arch/x86/include/uapi/asm/kvm.h. */
import type { CompiledFilter } from './compile.ts';
import { MAX_RANGES } from './cover.ts';

/** sizeof(struct kvm_msr_filter): __u32 flags and 16 ranges, aligned to 8. */
export const FILTER_BYTES = 392;
const RANGES_OFFSET = 8;
/** sizeof(struct kvm_msr_filter_range): __u32 flags, nmsrs, base, 4 bytes of padding, a 64-bit pointer. */
const RANGE_BYTES = 24;

/**
 * struct kvm_msr_filter of `filter`, little-endian. `addresses[i]` is where the caller keeps the bitmap of range i
 * in memory (as it is in the filter: KVM reads it in steps of 8 bytes); unused ranges stay zero.
 * Throws RangeError when the number of addresses differs from that of the ranges, or there are more than 16.
 */
export function encodeFilter(filter: CompiledFilter, addresses: readonly bigint[]): Uint8Array {
  if (filter.ranges.length > MAX_RANGES)
    throw new RangeError(`${filter.ranges.length} ranges: KVM takes at most ${MAX_RANGES}`);
  if (addresses.length !== filter.ranges.length) {
    throw new RangeError(`${addresses.length} bitmap addresses for ${filter.ranges.length} ranges`);
  }
  const bytes = new Uint8Array(FILTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, filter.flags, true);
  filter.ranges.forEach((range, i) => {
    const at = RANGES_OFFSET + i * RANGE_BYTES;
    view.setUint32(at, range.flags, true);
    view.setUint32(at + 4, range.count, true);
    view.setUint32(at + 8, range.base, true);
    view.setBigUint64(at + 16, addresses[i] ?? 0n, true);
  });
  return bytes;
}
