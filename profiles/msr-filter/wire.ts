/** `kvm-msr-filter.json`: a compiled filter as a file, for a VMM that makes the ioctl itself. */
import * as z from 'zod';
import { InputError } from '../model/input-error.ts';
import { toHex, U32_MAX } from '../model/numbers.ts';
import { FILTER_MODES, type FilterMode } from '../model/profile.ts';
import { u32 } from '../model/snapshot.ts';
import { fromBase64, toBase64 } from './base64.ts';
import type { AllowedRange, CompiledFilter, FilterRange } from './compile.ts';
import { type Directions, MAX_RANGE_MSRS, MAX_RANGES } from './cover.ts';
import { type Access, X2APIC_FIRST, X2APIC_LAST } from './permitted.ts';

export interface FilterWire {
  mode: FilterMode;
  flags: 0 | 1;
  ranges: { flags: Directions; base: string; count: number; bitmap: string }[];
  allowed: { first: string; last: string; access: Access }[];
  notFilterable: { first: string; last: string; why: string }[];
}

/** Said wherever a filter is shown: Documentation/virt/kvm/api.rst, KVM_X86_SET_MSR_FILTER. */
export const NOT_FILTERABLE = {
  first: X2APIC_FIRST,
  last: X2APIC_LAST,
  why: 'KVM passes x2APIC MSRs by every filter; the MSRs that nested VM entry and exit lists load are not filtered either',
} as const;

export const filterToWire = (filter: CompiledFilter): FilterWire => ({
  mode: filter.mode,
  flags: filter.flags,
  ranges: filter.ranges.map(({ flags, base, count, bitmap }) => ({
    flags,
    base: toHex(base),
    count,
    bitmap: toBase64(bitmap),
  })),
  allowed: filter.allowed.map(({ first, last, access }) => ({
    first: toHex(first),
    last: toHex(last),
    access,
  })),
  notFilterable: [
    { ...NOT_FILTERABLE, first: toHex(NOT_FILTERABLE.first), last: toHex(NOT_FILTERABLE.last) },
  ],
});

/** Many times what the tables can permit. */
const MAX_ALLOWED = 65_536;

const wireSchema = z.object({
  mode: z.enum(FILTER_MODES),
  flags: z.literal([0, 1]),
  ranges: z
    .array(
      z.object({
        flags: z.literal([1, 2, 3]),
        base: z.string(),
        count: z.int().min(1).max(MAX_RANGE_MSRS),
        bitmap: z.string(),
      }),
    )
    .max(MAX_RANGES),
  allowed: z
    .array(z.object({ first: z.string(), last: z.string(), access: z.enum(['r', 'w', 'rw']) }))
    .max(MAX_ALLOWED),
});

/**
 * Reads `kvm-msr-filter.json`. Throws InputError naming the place for anything KVM would refuse, and for what it would
 * take silently without effect: a range over x2APIC MSRs.
 */
export function filterFromWire(wire: unknown): CompiledFilter {
  const parsed = wireSchema.safeParse(wire);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(issue?.path.join('.') ?? '', issue?.message ?? 'not an MSR filter');
  }
  const { mode, flags, ranges, allowed } = parsed.data;
  if (flags === 1 && ranges.length === 0)
    throw new InputError('ranges', 'KVM refuses default deny without a range');
  return {
    mode,
    flags,
    ranges: ranges.map((range, i): FilterRange => {
      const place = `ranges[${i}]`;
      const base = u32(range.base, `${place}.base`);
      const last = base + range.count - 1;
      const bitmap = fromBase64(range.bitmap);
      const bytes = 8 * Math.ceil(range.count / 64);
      if (last > U32_MAX) throw new InputError(place, 'the range ends above MSR 0xffffffff');
      if (base <= X2APIC_LAST && last >= X2APIC_FIRST) {
        throw new InputError(place, 'the range covers x2APIC MSRs 0x800-0x8ff, which KVM does not filter');
      }
      if (bitmap?.length !== bytes) {
        throw new InputError(`${place}.bitmap`, `${range.count} MSRs need ${bytes} bytes in padded base64`);
      }
      return { flags: range.flags, base, count: range.count, bitmap };
    }),
    allowed: allowed.map((range, i): AllowedRange => ({
      first: u32(range.first, `allowed[${i}].first`),
      last: u32(range.last, `allowed[${i}].last`),
      access: range.access,
    })),
  };
}
