/**
 * A profile with features taken away, and with them what cannot be without them: dependent instructions, state
 * components, MSRs that the feature announces. What is left is lower in the lattice: every host of the old profile stays.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import type { CpuidBit, Definitions } from '../definitions/types.ts';
import { InputError } from '../model/input-error.ts';
import { and32, mask32, minus32, or32, toHex } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile, ProfileData } from '../model/profile.ts';
import { compareCpuidPlaces } from '../model/registers.ts';
import { NESTING_BIT } from '../verdict/bits.ts';
import { isVmxMsr } from '../verdict/exceptions.ts';
import { ownersOf } from '../verdict/owners.ts';
import { canBeOne } from '../msr-filter/permitted.ts';
import { brandIn, brandOf, withBrand } from './brand.ts';
import { withDependents, type Taken } from './derive-dependencies.ts';
import { type CpuidTarget, type Target, targetsNamed } from './derive-targets.ts';
import type { Difference } from './diff-fields.ts';
import { diffData } from './diff-profiles.ts';
import { nameProblem } from './limits.ts';
import { AMX_TILE, withoutBits, withoutOption, withoutUnannounced } from './options.ts';
import { recomputeXsaveSize } from './xsave.ts';

/** A difference between the profile and what was made of it, with the feature that it followed. */
export interface Removal extends Difference {
  /** Absent: named by the caller. */
  readonly because?: string;
}

export interface Derived {
  readonly profile: Profile;
  /** What guests see less of; `gained` never occurs. */
  readonly removed: readonly Removal[];
  /** Names that the profile had nothing of. */
  readonly notes: readonly string[];
}

/**
 * Takes `names` (field names, feature MSRs, or places such as `7.0:EDX[26]`) away from `profile`. For a bit that is bad
 * news when set (RSBA, RRSBA) this gives up the promise that it is clear: the bit is set. `name` becomes the brand string
 * where the profile has one of ours. Throws InputError for an unknown name, with near ones, and for what is no feature.
 */
export function derive(profile: Profile, names: readonly string[], name?: string): Derived {
  const problem = name === undefined ? undefined : nameProblem(name);
  if (problem !== undefined) throw new InputError('name', problem);
  const definitions = definitionsFor(profile.vendor);
  const asked = names.map((each) => {
    const targets = takeable(each, targetsNamed(each, definitions));
    return { name: each, targets, there: targets.some((target) => isOffered(profile.data, target)) };
  });
  const taken = withDependents(
    asked.flatMap(({ targets }) => targets),
    definitions,
    (target) => isOffered(profile.data, target),
  );
  const data = taken.reduce((rest, { target }) => lowered(rest, target), profile.data);
  const settled = settle(profile.data, data, definitions);
  return {
    profile: { ...profile, data: renamed(profile, settled, name) },
    removed: diffData(profile.data, settled, definitions).map((difference) =>
      explained(difference, taken, names),
    ),
    notes: asked
      .filter(({ there }) => !there)
      .map((each) => `${each.name}: the profile promises nothing of it, so nothing was taken away`),
  };
}

/** The places of a name that can be taken away. Throws InputError when none can. */
function takeable(asked: string, targets: readonly Target[]): Target[] {
  const features = targets.filter((target) => target.kind === 'whole-msr' || !(target.relation in WHY));
  const [first] = targets;
  if (features.length === 0 && first !== undefined && first.kind !== 'whole-msr') {
    const why = first.relation === 'identity' ? WHY.identity : WHY.ignore;
    throw new InputError('without', `"${asked}" is no feature: ${why}`);
  }
  const values = features.filter((target) => target.kind === 'cpuid' && target.relation === 'equal');
  if (values.length > 1 && values.some((target) => !isPlace(asked, target))) {
    throw new InputError(
      'without',
      `"${asked}" stands in ${values.length} places: take away the feature that owns it`,
    );
  }
  return features.flatMap((target) => owned(asked, target));
}

/** Whether the caller wrote the place of `target` and not its name. */
const isPlace = (asked: string, target: Target): boolean =>
  target.kind !== 'whole-msr' && asked.toLowerCase() !== target.name.toLowerCase();

/** A value that both sides must agree on goes with the feature that owns it. */
function owned(asked: string, target: Target): Target[] {
  if (target.kind === 'whole-msr' || target.relation !== 'equal') return [target];
  if (target.kind === 'msr') {
    if (isVmxMsr(target.index)) return [ownerTarget(NESTING_BIT.intel, asked)];
    return [{ kind: 'whole-msr', index: target.index, name: asked }];
  }
  const owners = ownersOf(target.leaf, target.firstSubleaf);
  if (owners === undefined) {
    throw new InputError(
      'without',
      `"${asked}" is a value that guests and hosts must agree on, and no feature that can be taken away owns it`,
    );
  }
  return owners.map((owner) => ownerTarget(owner, asked));
}

const ownerTarget = ({ leaf, subleaf, register, bit }: CpuidBit, name: string): CpuidTarget => ({
  kind: 'cpuid',
  leaf,
  firstSubleaf: subleaf,
  lastSubleaf: subleaf,
  register,
  bits: mask32(bit, bit),
  name,
  relation: 'subset',
});

const WHY = {
  identity: 'it says who the CPU is, and a profile imposes that',
  ignore: 'hosts may differ in it, and nothing is compared',
} as const;

/** Whether the profile promises anything of the target. */
function isOffered(data: ProfileData, target: Target): boolean {
  if (target.kind === 'cpuid') {
    return data.cpuid.some(
      (entry) =>
        entry.leaf === target.leaf &&
        entry.register === target.register &&
        entry.subleaf <= target.lastSubleaf &&
        target.firstSubleaf <= entry.lastSubleaf &&
        and32(or32(entry.mask, entry.value), target.bits) !== 0,
    );
  }
  const entry = data.featureMsrs.find(({ index }) => index === target.index);
  if (target.kind === 'whole-msr') return entry !== undefined || data.requiredMsrs.includes(target.index);
  if (entry === undefined) return false;
  return target.relation === 'superset'
    ? (target.bits & ~entry.value) !== 0n
    : ((entry.value | entry.mask) & target.bits) !== 0n;
}

/** `data` without what `target` promises: bits cleared, or set where clear is the promise. */
function lowered(data: ProfileData, target: Target): ProfileData {
  switch (target.kind) {
    case 'cpuid':
      return {
        ...data,
        cpuid: data.cpuid.flatMap((entry) =>
          target.relation === 'superset' ? [withBits(entry, target)] : withoutBits(entry, target),
        ),
      };
    case 'msr':
      return {
        ...data,
        featureMsrs: data.featureMsrs.map((entry) => {
          if (entry.index !== target.index) return entry;
          const mask = entry.mask & ~target.bits;
          const value =
            target.relation === 'superset' ? entry.value | target.bits : entry.value & ~target.bits;
          return { ...entry, mask, value };
        }),
      };
    case 'whole-msr':
      return {
        ...data,
        featureMsrs: data.featureMsrs.filter(({ index }) => index !== target.index),
        requiredMsrs: data.requiredMsrs.filter((index) => index !== target.index),
      };
  }
}

function withBits(entry: CpuidAdjustment, target: CpuidTarget): CpuidAdjustment {
  const inside =
    entry.leaf === target.leaf &&
    entry.register === target.register &&
    target.firstSubleaf <= entry.subleaf &&
    entry.lastSubleaf <= target.lastSubleaf;
  if (!inside) return entry;
  return { ...entry, mask: minus32(entry.mask, target.bits), value: or32(entry.value, target.bits) };
}

/** Brings everything in line with the bits that are left: options that lost their bit, MSRs that nothing announces, sizes. */
function settle(before: ProfileData, after: ProfileData, definitions: Definitions): ProfileData {
  let data = after;
  const nesting = NESTING_BIT[definitions.vendor];
  if (canBeOne(before, nesting) && !canBeOne(data, nesting))
    data = withoutOption(data, 'nested', definitions);
  const lostAmx = canBeOne(before, AMX_TILE) && !canBeOne(data, AMX_TILE);
  if (lostAmx) data = withoutOption(data, 'amx', definitions);
  return recomputeXsaveSize(withoutUnannounced(before, data, definitions));
}

function renamed(profile: Profile, data: ProfileData, name: string | undefined): ProfileData {
  const ours = brandIn(profile.data)?.startsWith(brandOf(profile.vendor, '')) === true;
  if (name === undefined || !ours) return data;
  const branded = withBrand(data, brandOf(profile.vendor, name));
  return { ...branded, cpuid: [...branded.cpuid].sort(compareCpuidPlaces) };
}

function explained(difference: Difference, taken: readonly Taken[], asked: readonly string[]): Removal {
  const { where, bits } = difference;
  const follows = (target: Target): boolean => {
    if ('msr' in where)
      return target.kind !== 'cpuid' && toHex(target.index) === where.msr && touches(target, bits);
    if (!('leaf' in where) || target.kind !== 'cpuid') return false;
    return (
      toHex(target.leaf) === where.leaf &&
      target.register === where.register &&
      target.firstSubleaf <= Number(where.subleaf) &&
      Number(where.subleaf) <= target.lastSubleaf &&
      touches(target, bits)
    );
  };
  const reason = taken.find(({ target }) => follows(target));
  if (reason === undefined) return { ...difference, because: asked.join(', ') };
  return reason.because === undefined ? difference : { ...difference, because: reason.because };
}

const touches = (target: Target, bits: readonly number[]): boolean =>
  target.kind === 'whole-msr' || bits.some((bit) => ((BigInt(target.bits) >> BigInt(bit)) & 1n) === 1n);
