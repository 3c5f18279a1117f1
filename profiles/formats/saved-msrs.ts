/**
 * Which MSRs belong to the state of a guest under a profile: what a VMM saves with a snapshot and restores elsewhere.
 * Only the host knows its index list, so the answer has parts.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import type { Profile } from '../model/profile.ts';
import { IA32_XSS, permittedMsrs } from '../msr-filter/permitted.ts';

export interface SavedMsrs {
  /** Adjusted feature MSRs: saved on every host, named by an index list or not. */
  readonly always: readonly number[];
  /**
   * Those that no index list names although a guest can write them: MTRRs, IA32_MCG_STATUS and the machine-check banks.
   * A host may offer fewer of them: one that KVM_GET_MSRS does not read is left out.
   */
  readonly whereReadable: readonly number[];
  /** Permitted ones, saved where the host's KVM_GET_MSR_INDEX_LIST names them. */
  readonly whereListed: readonly number[];
}

const span = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** Linux arch/x86/kvm/mtrr.c (variable and fixed ranges, default type) and x86.c, set_msr_mce (32 banks of 4). */
const UNLISTED: ReadonlySet<number> = new Set([
  0x17a,
  ...span(0x200, 0x213),
  0x250,
  ...span(0x258, 0x259),
  ...span(0x268, 0x26f),
  0x2ff,
  ...span(0x400, 0x47f),
]);

/** The parts of the list for `profile`, each rising; no MSR is in two of them. */
export function savedMsrs(profile: Profile): SavedMsrs {
  const permitted = permittedMsrs(profile, definitionsFor(profile.vendor));
  const always = profile.data.featureMsrs.map(({ index }) => index);
  const adjusted = new Set(always);
  // A filter that denies by default keeps a guest from what is not permitted; any other lets it reach the whole set.
  const reachable = (index: number): boolean => profile.filter !== 'closed' || permitted.has(index);
  return {
    always,
    whereReadable: [...UNLISTED].filter((index) => reachable(index) && !adjusted.has(index)),
    // A write-only MSR has no state; IA32_XSS stays 0 under a profile.
    whereListed: [...permitted]
      .filter(
        ([index, access]) =>
          access !== 'w' && index !== IA32_XSS && !adjusted.has(index) && !UNLISTED.has(index),
      )
      .map(([index]) => index),
  };
}
