/**
 * The greatest profile that every host of a pool can run: the meet of the lattice over the rows of the tables. A pool
 * of one host gives exactly the profile that is generated from it; order and repeats do not matter.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions } from '../definitions/types.ts';
import { InputError } from '../model/input-error.ts';
import { mask64, toHex } from '../model/numbers.ts';
import type { ProfileData, ProfileOptions } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { check } from '../verdict/check.ts';
import { ARCH_CAPABILITIES } from '../verdict/exceptions.ts';
import { vmxContradictions } from '../verdict/lint-vmx.ts';
import { adjustMsrs } from './adjust-msrs.ts';
import { type Drop, dropsFor, withoutDrops } from './baseline-conflicts.ts';
import { type Limit, limitsOf } from './baseline-limits.ts';
import { meetOf } from './baseline-meet.ts';
import { type Member, membersOf } from './baseline-members.ts';
import { lossWarning, offers, optionLimit, type OptionLoss } from './baseline-options.ts';
import { generate, type Generated } from './generate.ts';
import { OPTION_NAMES, type OptionName } from './options.ts';

export interface Baseline {
  readonly vendor: Vendor;
  readonly data: ProfileData;
  /** What some member could do and the pool cannot, by place. */
  readonly limitedBy: readonly Limit[];
  readonly warnings: readonly string[];
}

/**
 * Makes the data of profile `name` from KVM's complete answers of several hosts of one vendor. An option that some
 * members lack is dropped with a warning; one that no member has is refused, as `generate` refuses it. Throws InputError
 * naming the snapshot where one is not complete or has a feature MSR that no table knows, and where no profile fits all.
 */
export function baseline(
  name: string,
  snapshots: readonly Snapshot[],
  options: ProfileOptions = {},
): Baseline {
  const members = membersOf(snapshots);
  const [only] = members;
  if (only !== undefined && members.length === 1) {
    return { ...generate(name, only.host, options), limitedBy: [] };
  }
  const definitions = definitionsFor(members[0]?.host.vendor ?? 'intel');
  const own = members.map((member) => ({ member, made: generated(name, member) }));
  const pool = settle(name, members, options, definitions);
  const { vendor, data } = pool.made;
  verify(data, members);
  const plain = OPTION_NAMES.every((option) => pool.options[option] !== true);
  const alone = own.map(({ member, made }) => ({
    name: member.name,
    data: plain ? made.data : generate(name, member.host, pool.options).data,
  }));
  return {
    vendor,
    data,
    limitedBy: [
      ...pool.losses.map((loss) => optionLimit(loss, definitions)),
      ...limitsOf(data, alone, pool.drops, definitions),
    ],
    warnings: [
      ...new Set(own.flatMap(({ made }) => made.warnings)),
      ...pool.losses.map(lossWarning),
      ...hiddenDefects(members, data, definitions),
    ],
  };
}

/** A member's own profile, with nothing asked for: what is wrong with the member shows here. */
function generated(name: string, { name: snapshot, host }: Member): Generated {
  try {
    return generate(name, host);
  } catch (error) {
    if (!(error instanceof InputError) || error.place === 'name') throw error;
    throw new InputError(`snapshot ${snapshot}`, error.message);
  }
}

interface Pool {
  readonly made: Generated;
  readonly options: ProfileOptions;
  readonly drops: readonly Drop[];
  readonly losses: readonly OptionLoss[];
}

/** The meet with conflicts dropped, and the options that are left of those asked for. */
function settle(
  name: string,
  members: readonly Member[],
  asked: ProfileOptions,
  definitions: Definitions,
): Pool {
  const losses: OptionLoss[] = [];
  let options = asked;
  const lose = (option: OptionName, names: readonly string[], why: string): void => {
    losses.push({ option, members: names, why });
    options = { ...options, [option]: false };
  };
  const wanted = (): OptionName[] => OPTION_NAMES.filter((option) => options[option] === true);

  for (const option of wanted()) {
    const lacking = members.filter(({ host }) => !offers(host, option, definitions));
    if (lacking.length === members.length) {
      throw new InputError(`options.${option}`, 'asked for, and no host of the pool offers anything of it');
    }
    if (lacking.length > 0) lose(option, namesOf(lacking), 'offer nothing of it');
  }

  const meet = meetOf(members, definitions);
  const drops = dropsFor(meet.host, meet.conflicts, definitions);
  const host = withoutDrops(meet.host, drops);
  for (const option of wanted()) {
    if (offers(host, option, definitions)) continue;
    const culprits = [...new Set(drops.flatMap((drop) => drop.members))].sort();
    lose(
      option,
      culprits.length === 0 ? namesOf(members) : culprits,
      'have nothing of it in common with the others',
    );
  }
  const contradicts = (from: Snapshot): boolean => contradictsItself(from, definitions);
  if (options.nested === true && contradicts(host) && !members.some((member) => contradicts(member.host))) {
    lose('nested', namesOf(members), 'have no set of VMX controls in common');
  }
  return { made: generate(name, host, options), options, drops, losses };
}

const namesOf = (members: readonly Member[]): string[] => members.map((member) => member.name);

/** A VMX control that one member forces and another lacks leaves nothing that a nested hypervisor could run on. */
const contradictsItself = ({ vendor, featureMsrs = [] }: Snapshot, definitions: Definitions): boolean => {
  const data = { cpuid: [], featureMsrs: adjustMsrs({ featureMsrs }, definitions), requiredMsrs: [] };
  return vmxContradictions({ vendor, data, filter: 'none' }, definitions).length > 0;
};

/** The law of a baseline, held against every member before anybody gets to see it. */
function verify(data: ProfileData, members: readonly Member[]): void {
  for (const { name, host } of members) {
    const { compatible, findings } = check({ vendor: host.vendor, data, filter: 'none' }, host);
    if (compatible === 'Yes') continue;
    const first = findings[0]?.message ?? compatible;
    throw new InputError(`snapshot ${name}`, `no profile fits it and all the others: ${first}`);
  }
}

/** Without IA32_ARCH_CAPABILITIES no guest learns of the defects that some members admit in it. */
function hiddenDefects(members: readonly Member[], data: ProfileData, definitions: Definitions): string[] {
  if (data.featureMsrs.some(({ index }) => index === ARCH_CAPABILITIES)) return [];
  const defects = (findFeatureMsr(definitions, ARCH_CAPABILITIES)?.fields ?? []).filter(
    ({ reversed }) => reversed === true,
  );
  return defects.flatMap(({ first, last, name }) => {
    const bits = mask64(first, last);
    const admitting = members.filter(({ host }) =>
      host.featureMsrs.some(({ index, value }) => index === ARCH_CAPABILITIES && (value & bits) !== 0n),
    );
    if (admitting.length === 0) return [];
    return [
      `IA32_ARCH_CAPABILITIES (MSR ${toHex(ARCH_CAPABILITIES)}) is not in the profile, so guests are not told of ${name}, which ${namesOf(admitting).join(', ')} show: they decide by the CPU's identity alone`,
    ];
  });
}
