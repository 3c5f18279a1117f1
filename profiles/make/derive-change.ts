/** The smallest change that turns a No: which features to take away, which options to switch off, or what only the host can give. */
import { definitionsFor } from '../definitions/definitions.ts';
import type { Compatible, Finding, Verdict } from '../model/finding.ts';
import { InputError } from '../model/input-error.ts';
import type { Profile } from '../model/profile.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { contains } from '../msr-filter/permitted.ts';
import { check } from '../verdict/check.ts';
import { isVmxMsr } from '../verdict/exceptions.ts';
import { placeText } from '../verdict/findings.ts';
import { derive } from './derive.ts';
import { hasOption, withoutOption, type OptionName } from './options.ts';

export interface Change {
  /** Options of the profile to set to false. */
  readonly options: readonly OptionName[];
  /** Set filter.mode to none. */
  readonly filterNone: boolean;
  /** What `derive --without` takes, as places. */
  readonly without: readonly string[];
  /** Fields by name, in the same order. */
  readonly names: readonly string[];
  /** The verdict on the profile with all of it done: what is left is the host's to change. */
  readonly compatible: Compatible;
  readonly left: readonly Finding[];
}

const BITS = /Bits(Missing|Unwanted)$|EntryMissing$/;

/** `undefined` where the answer is not No. */
export function smallestChange(profile: Profile, snapshot: Snapshot, verdict: Verdict): Change | undefined {
  if (verdict.compatible !== 'No' || profile.vendor !== snapshot.vendor) return undefined;
  const definitions = definitionsFor(profile.vendor);
  const errors = verdict.findings.filter(({ severity }) => severity === 'error');
  const options = OPTIONS.filter(
    (option) =>
      hasOption(profile.data, option, definitions) &&
      errors.some((finding) => belongs(finding, option, profile)),
  );
  const filterNone = errors.some(({ code, name }) => code === 'CapabilityMissing' && name === 'msrFilter');
  const plain: Profile = {
    ...profile,
    filter: filterNone ? 'none' : profile.filter,
    data: options.reduce((data, option) => withoutOption(data, option, definitions), profile.data),
  };
  const rest = check(plain, snapshot).findings.filter(
    (finding) => finding.severity === 'error' && BITS.test(finding.code) && canBeTaken(plain, finding),
  );
  const without = rest.map(({ where, bits }) => placeText(where, bits));
  const changed = without.length === 0 ? plain : derive(plain, without).profile;
  const { compatible, findings } = check(changed, snapshot);
  return {
    options,
    filterNone,
    without,
    names: rest.map(({ name }) => name),
    compatible,
    left: findings.filter(({ severity }) => severity !== 'note'),
  };
}

/** Who a CPU is cannot be taken away. */
function canBeTaken(profile: Profile, { where, bits }: Finding): boolean {
  try {
    derive(profile, [placeText(where, bits)]);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

const OPTIONS = ['nested', 'hyperv'] as const satisfies readonly OptionName[];

function belongs(
  { code, name, where }: Finding,
  option: (typeof OPTIONS)[number],
  { vendor }: Profile,
): boolean {
  if (option === 'nested')
    return (
      (code === 'CapabilityMissing' && name === 'nested') || ('msr' in where && isVmxMsr(Number(where.msr)))
    );
  return 'msr' in where && contains(definitionsFor(vendor).hyperv, Number(where.msr));
}
