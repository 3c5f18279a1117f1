/** A profile from one host: what its KVM offers, field by field and by policy. */
import { definitionsFor } from '../definitions/definitions.ts';
import { InputError } from '../model/input-error.ts';
import { minus32, toHex } from '../model/numbers.ts';
import type { ProfileData, ProfileOptions } from '../model/profile.ts';
import { compareCpuidPlaces, type Vendor } from '../model/registers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { fixesToOne } from '../verdict/bits.ts';
import { SPEC_CTRL_BIT } from '../verdict/exceptions.ts';
import { adjustCpuid } from './adjust-cpuid.ts';
import { adjustMsrs, requiredMsrs, unknownMsrs, type ObservedHost } from './adjust-msrs.ts';
import { brandOf, withBrand } from './brand.ts';
import { lowerLargestLeaves } from './largest-leaf.ts';
import { nameProblem } from './limits.ts';
import { hasOption, OPTION_NAMES, withoutOption } from './options.ts';
import { fixXsaveSize } from './xsave.ts';

export interface Generated {
  readonly vendor: Vendor;
  readonly data: ProfileData;
  /** What a person should look at: listed MSRs that no table knows, a snapshot that is not KVM's own answer. */
  readonly warnings: string[];
}

/**
 * Makes the data of profile `name` from `snapshot`. What `options` does not ask for is left out. Throws InputError
 * for a name that does not fit, MSR lists that were not observed, a feature MSR that no table knows, and an option
 * that the host has nothing of.
 */
export function generate(name: string, snapshot: Snapshot, options: ProfileOptions = {}): Generated {
  const named = nameProblem(name);
  if (named !== undefined) throw new InputError('name', named);
  const host = observed(snapshot);
  const { vendor } = host;
  const definitions = definitionsFor(vendor);

  const featureMsrs = adjustMsrs(host, definitions);
  const cpuid = withBrand(
    { cpuid: adjustCpuid(host, definitions), featureMsrs, requiredMsrs: [] },
    brandOf(vendor, name),
  );
  let data: ProfileData = vendor === 'amd' ? withoutLostSpecCtrl(cpuid) : cpuid;
  data = { ...data, requiredMsrs: requiredMsrs(data, host, definitions) };
  for (const option of OPTION_NAMES) {
    if (options[option] !== true) data = withoutOption(data, option, definitions);
    else if (!hasOption(data, option, definitions) || (option === 'nested' && !host.capabilities.nested)) {
      // VMX is static 1 in the tables, so whether the host can nest is its capability's to say.
      throw new InputError(`options.${option}`, `asked for, and this host offers nothing of it`);
    }
  }
  data = lowerLargestLeaves(vendor, fixXsaveSize(data));
  return {
    vendor,
    data: { ...data, cpuid: [...data.cpuid].sort(compareCpuidPlaces) },
    warnings: [...sourceWarnings(snapshot), ...unknownMsrs(host, definitions).map(unknownWarning)],
  };
}

function observed(snapshot: Snapshot): ObservedHost {
  const { featureMsrs, msrIndices } = snapshot;
  if (featureMsrs === undefined)
    throw new InputError('featureMsrs', "not observed: a profile needs KVM's list of feature MSRs");
  if (msrIndices === undefined)
    throw new InputError('msrIndices', "not observed: a profile needs KVM's list of MSRs");
  return { ...snapshot, featureMsrs, msrIndices };
}

/** Exception MilanSpecCtrl: 0 wherever IBPB and IBRS are announced by AMD's own bits. */
function withoutLostSpecCtrl(data: ProfileData): ProfileData {
  const bit = (number: number): boolean =>
    fixesToOne(data, { leaf: 0x8000_0008, subleaf: 0, register: 'ebx', bit: number });
  const announced = [12, 14].every(bit);
  if (!announced) return data;
  const { leaf, subleaf, register } = SPEC_CTRL_BIT;
  return {
    ...data,
    cpuid: data.cpuid.map((entry) =>
      entry.leaf === leaf && entry.subleaf === subleaf && entry.register === register
        ? { ...entry, value: minus32(entry.value, 2 ** SPEC_CTRL_BIT.bit) }
        : entry,
    ),
  };
}

function sourceWarnings({ source, partial }: Snapshot): string[] {
  const warnings: string[] = [];
  if (source !== 'kvm')
    warnings.push(
      `the snapshot is not KVM's own answer (source ${source}): what KVM hides or adds is not in the profile`,
    );
  if (partial) warnings.push('the snapshot is partial: what it leaves out is 0 in the profile');
  return warnings;
}

const unknownWarning = (index: number): string =>
  `KVM lists MSR ${toHex(index)}, which no table knows: it is neither permitted nor required, and the tables may be out of date`;
