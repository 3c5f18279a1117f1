/**
 * What a format cannot say, as findings. A rendering that leaves something out silently would be taken for the
 * profile; so everything it loses is named, and so is what the program that reads it is known to change.
 */
import { findCpuid } from '../definitions/lookup.ts';
import type { Definitions } from '../definitions/types.ts';
import type { Severity, Where } from '../model/finding.ts';
import { and32, mask32, not32, toHex } from '../model/numbers.ts';
import type { CpuidAdjustment, ProfileData } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';

/** Public and stable, like the codes of verdicts. */
export const FIDELITY_CODES = [
  /** A rule for a whole range of subleaves. */
  'CpuidRangeNotExpressible',
  /** Zeros for a leaf that the host may lack. */
  'CpuidZeroNotExpressible',
  /** The law that a leaf the profile does not list reads as zero. */
  'UnlistedLeavesKept',
  /** The MSRs that a host must offer. */
  'RequiredMsrsNotExpressible',
  /** The MSR filter. */
  'FilterNotApplied',
  /** MSRs that KVM passes by every filter. */
  'MsrNotFilterable',
  /** The vendor the profile is for. */
  'VendorNotStated',
  /** Bits that the consumer writes itself, after the profile. */
  'OverwrittenByConsumer',
  /** CPUID bits that the format has no word for. */
  'CpuidBitsNotExpressible',
  /** Bits of feature MSRs, or whole ones, that the format has no word for. */
  'MsrBitsNotExpressible',
  /** Bits that the profile leaves to the host and the format has to decide. */
  'HostBitsNotExpressible',
  /** The oldest version of the consumer that takes the file. */
  'ConsumerVersionNeeded',
  /** A feature with which the consumer does not migrate the guest. */
  'MigrationBlocked',
] as const;
export type FidelityCode = (typeof FIDELITY_CODES)[number];

export interface FidelityFinding {
  readonly code: FidelityCode;
  readonly severity: Severity;
  /** `{}`: the whole profile. A range of subleaves by its first. */
  readonly where: Where;
  /** The fields concerned, or what the finding is about. */
  readonly name: string;
  readonly message: string;
}

/** A program that reads the files of a format, and which parts of a profile it enforces. */
export interface Consumer {
  readonly name: string;
  readonly honours: {
    readonly cpuid: boolean;
    readonly featureMsrs: boolean;
    readonly requiredMsrs: boolean;
    readonly filter: boolean;
  };
  /** Where that is known from. */
  readonly source: string;
}

/** Bits that a consumer sets whatever its input says. */
export interface Rewrite {
  readonly leaf: number;
  /** Absent: every subleaf. */
  readonly subleaf?: number;
  readonly register: Register;
  readonly first: number;
  readonly last: number;
  /** The value of the bits, counted from bit `first`; absent where it follows from the host or from the VM's shape. */
  readonly becomes?: number;
}

/** The bits a profile fixes and the consumer writes itself: a note where the value depends, a warning where it surely differs. */
export function overwritten(
  consumer: string,
  rewrites: readonly Rewrite[],
  data: ProfileData,
  definitions: Definitions,
): FidelityFinding[] {
  return data.cpuid.flatMap((entry) =>
    rewrites
      .filter((rewrite) => applies(rewrite, entry))
      .flatMap((rewrite): FidelityFinding[] => {
        const bits = mask32(rewrite.first, rewrite.last);
        const fixed = and32(bits, not32(entry.mask));
        if (fixed === 0) return [];
        const { becomes } = rewrite;
        const written = becomes === undefined ? undefined : and32((becomes << rewrite.first) >>> 0, fixed);
        const set = and32(entry.value, fixed);
        const name = fieldNames(definitions, entry, fixed);
        // Reserved bits that the profile clears are clear on any host too.
        if (written === set || (written === undefined && name === RESERVED && set === 0)) return [];
        const span =
          rewrite.first === rewrite.last
            ? `bit ${rewrite.first}`
            : `bits ${rewrite.first} to ${rewrite.last}`;
        return [
          {
            code: 'OverwrittenByConsumer',
            severity: written === undefined ? 'note' : 'warning',
            where: placeOf(entry),
            name,
            message:
              written === undefined
                ? `${consumer} writes ${span} itself: the value follows from the host or from the shape of the VM`
                : `${consumer} writes ${toHex(written)} into ${span}, the profile has ${toHex(set)}`,
          },
        ];
      }),
  );
}

/** Does the consumer write bits of a register that the entry is about? */
export const applies = (rewrite: Rewrite, entry: CpuidAdjustment): boolean =>
  rewrite.leaf === entry.leaf &&
  rewrite.register === entry.register &&
  (rewrite.subleaf === undefined ||
    (entry.subleaf <= rewrite.subleaf && rewrite.subleaf <= entry.lastSubleaf));

export const placeOf = ({ leaf, subleaf, register }: CpuidAdjustment): Where => ({
  leaf: toHex(leaf),
  subleaf: toHex(subleaf),
  register,
});

/** The name of bits that belong to no field. */
const RESERVED = 'reserved';

/** The names of the fields that `bits` of the entry's register touch; at most four, then how many more. */
export function fieldNames(definitions: Definitions, entry: CpuidAdjustment, bits: number): string {
  const row = findCpuid(definitions, entry.leaf, entry.subleaf, entry.register);
  const names = (row?.fields ?? [])
    .filter((field) => and32(mask32(field.first, field.last), bits) !== 0)
    .map((field) => field.name);
  if (names.length === 0) return RESERVED;
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}
