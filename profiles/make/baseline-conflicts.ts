/** What a pool cannot agree on: values that must be the same everywhere go with the feature that owns them. */
import { findField } from '../definitions/lookup.ts';
import type { CpuidBit, Definitions } from '../definitions/types.ts';
import { InputError } from '../model/input-error.ts';
import { and32, mask32, mask64, minus32 } from '../model/numbers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { NESTING_BIT } from '../verdict/bits.ts';
import { ARCH_CAPABILITIES, isVmxMsr } from '../verdict/exceptions.ts';
import { cpuidWhere, placeText } from '../verdict/findings.ts';
import { ownersOf } from '../verdict/owners.ts';
import type { Conflict } from './baseline-meet.ts';
import { withDependents } from './derive-dependencies.ts';
import type { Target } from './derive-targets.ts';

/** A feature that every member offers and the pool does not, with the reason. */
export interface Drop {
  readonly target: Target;
  /** The value that differs, or the MSR that some lack. */
  readonly with: string;
  readonly members: readonly string[];
}

/** MSRs of newer VMX controls are not part of the set that nesting needs, and go with the control that announces them. */
const ANNOUNCED_BY_CONTROL: Readonly<Record<number, readonly [msr: number, bit: number]>> = {
  0x492: [0x48e, 49],
  0x493: [0x48f, 63],
};

/**
 * The drops that settle `conflicts` on `host`, dependents with them. Throws InputError where no feature owns the value:
 * then there is no common profile.
 */
export function dropsFor(host: Snapshot, conflicts: readonly Conflict[], definitions: Definitions): Drop[] {
  return conflicts.flatMap((conflict) =>
    withDependents(roots(host, conflict, definitions), definitions, (target) => isSet(host, target)).map(
      ({ target }) => ({ target, with: conflict.name, members: conflict.members }),
    ),
  );
}

function roots(host: Snapshot, { place, name, members }: Conflict, definitions: Definitions): Target[] {
  if ('msr' in place) return msrRoots(place.msr, name, definitions);
  const owners = ownersOf(place.leaf, place.subleaf);
  if (owners === undefined) {
    const where = placeText(cpuidWhere(place.leaf, place.subleaf, place.register));
    throw new InputError(
      'snapshots',
      `${name} (${where}) must be the same on every host and differs on ${members.join(', ')}: there is no common profile`,
    );
  }
  return owners.map((owner) => cpuidTarget(owner, definitions)).filter((target) => isSet(host, target));
}

function msrRoots(index: number, name: string, definitions: Definitions): Target[] {
  const gate = ANNOUNCED_BY_CONTROL[index];
  if (gate !== undefined) {
    const [msr, bit] = gate;
    return [{ kind: 'msr', index: msr, bits: mask64(bit, bit), name, relation: 'subset' }];
  }
  if (isVmxMsr(index)) return [cpuidTarget(NESTING_BIT.intel, definitions)];
  return [{ kind: 'whole-msr', index, name }];
}

const cpuidTarget = (at: CpuidBit, definitions: Definitions): Target => ({
  kind: 'cpuid',
  leaf: at.leaf,
  firstSubleaf: at.subleaf,
  lastSubleaf: at.subleaf,
  register: at.register,
  bits: mask32(at.bit, at.bit),
  name: findField(definitions, at)?.name ?? placeText(cpuidWhere(at.leaf, at.subleaf, at.register), [at.bit]),
  relation: 'subset',
});

function isSet(host: Snapshot, target: Target): boolean {
  if (target.kind === 'cpuid') {
    return host.cpuid.some(
      (entry) =>
        entry.leaf === target.leaf &&
        target.firstSubleaf <= entry.subleaf &&
        entry.subleaf <= target.lastSubleaf &&
        and32(entry[target.register], target.bits) !== 0,
    );
  }
  const msr = host.featureMsrs?.find(({ index }) => index === target.index);
  return msr !== undefined && (target.kind === 'whole-msr' || (msr.value & target.bits) !== 0n);
}

/** `host` without what was dropped. Without the bit that announces nesting its capability goes too. */
export function withoutDrops(host: Snapshot, drops: readonly Drop[]): Snapshot {
  return drops.reduce((rest, { target }) => withoutTarget(rest, target), host);
}

function withoutTarget(host: Snapshot, target: Target): Snapshot {
  switch (target.kind) {
    case 'cpuid':
      return {
        ...host,
        capabilities: { ...host.capabilities, nested: host.capabilities.nested && !isNesting(host, target) },
        cpuid: host.cpuid.map((entry) =>
          entry.leaf === target.leaf &&
          target.firstSubleaf <= entry.subleaf &&
          entry.subleaf <= target.lastSubleaf
            ? { ...entry, [target.register]: minus32(entry[target.register], target.bits) }
            : entry,
        ),
      };
    case 'msr':
      return {
        ...host,
        featureMsrs: host.featureMsrs?.map((msr) =>
          msr.index === target.index ? { ...msr, value: msr.value & ~target.bits } : msr,
        ),
      };
    case 'whole-msr':
      return {
        ...host,
        featureMsrs: host.featureMsrs?.filter(({ index }) => index !== target.index),
        msrIndices: host.msrIndices?.filter(
          (index) => index !== target.index || target.index !== ARCH_CAPABILITIES,
        ),
      };
  }
}

function isNesting({ vendor }: Snapshot, target: Target): boolean {
  const { leaf, subleaf, register, bit } = NESTING_BIT[vendor];
  return (
    target.kind === 'cpuid' &&
    target.leaf === leaf &&
    target.firstSubleaf === subleaf &&
    target.register === register &&
    (target.bits & mask32(bit, bit)) !== 0
  );
}
