/** The MSR half of generation: the feature MSRs that a profile sets, and the list of those it requires. */
import type { Definitions, MsrDefinition } from '../definitions/types.ts';
import { InputError } from '../model/input-error.ts';
import { mask64, toHex, U64_MAX } from '../model/numbers.ts';
import type { MsrAdjustment, ProfileData } from '../model/profile.ts';
import type { MsrValue, Snapshot } from '../model/snapshot.ts';
import { contains, IA32_XSS, permittedMsrs } from '../msr-filter/permitted.ts';

/** A snapshot whose two MSR lists were observed. */
export interface ObservedHost extends Snapshot {
  readonly featureMsrs: readonly MsrValue[];
  readonly msrIndices: readonly number[];
}

/** Throws InputError for a feature MSR that no table knows: a profile made without it would promise too little. */
export function adjustMsrs(
  host: Pick<ObservedHost, 'featureMsrs'>,
  definitions: Definitions,
): MsrAdjustment[] {
  return host.featureMsrs.flatMap(({ index, value }) => {
    const row = definitions.featureMsrs.find((candidate) => candidate.index === index);
    if (row === undefined) {
      throw new InputError(
        'featureMsrs',
        `KVM reports feature MSR ${toHex(index)}, which no table knows: whether a profile must fix it cannot be decided`,
      );
    }
    return row.use === 'adjust' ? [{ index, ...adjustMsr(row, value) }] : [];
  });
}

/** Bits without a row are the generating host's: nobody knows yet what they promise. */
function adjustMsr(row: MsrDefinition, offered: bigint): { mask: bigint; value: bigint } {
  let mask = 0n;
  let value = 0n;
  let nameless = U64_MAX;
  for (const { first, last, policy } of row.fields) {
    const bits = mask64(first, last);
    nameless &= ~bits;
    if (policy === 'inherit') value |= offered & bits;
    else if (policy === 'passthrough') mask |= bits;
    else value |= (BigInt(policy.static) << BigInt(first)) & bits;
  }
  return { mask, value: value | (offered & nameless) };
}

/**
 * The MSRs a host must offer: what is adjusted, the VMX MSRs that KVM reports and refuses to set (`data` still has
 * nesting at this point), and whatever else is permitted and in the host's index list. IA32_XSS is permitted and never required: a profile made
 * on a new kernel must run on one that does not list it.
 */
export function requiredMsrs(data: ProfileData, host: ObservedHost, definitions: Definitions): number[] {
  const permitted = permittedMsrs({ vendor: definitions.vendor, data }, definitions);
  const refused = definitions.featureMsrs.filter(({ use }) => use === 'required').map(({ index }) => index);
  const reported = new Set(host.featureMsrs.map(({ index }) => index));
  const listed = host.msrIndices.filter(
    (index) => permitted.has(index) || contains(definitions.hyperv, index),
  );
  const required = new Set([
    ...data.featureMsrs.map(({ index }) => index),
    ...refused.filter((index) => reported.has(index)),
    ...listed,
  ]);
  required.delete(IA32_XSS);
  return [...required].sort((left, right) => left - right);
}

/** Listed MSRs that no table knows: perhaps the tables are out of date. */
export function unknownMsrs({ msrIndices }: ObservedHost, definitions: Definitions): number[] {
  const { permitted, kvm, hyperv, forbidden, nonArchitectural, featureMsrs } = definitions;
  const known = [permitted, kvm, hyperv, forbidden, nonArchitectural];
  const features = new Set(featureMsrs.map(({ index }) => index));
  return msrIndices.filter(
    (index) => !features.has(index) && !known.some((ranges) => contains(ranges, index)),
  );
}
