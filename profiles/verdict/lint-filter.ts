/** Consistency rules over the MSR filter that a profile asks for. */
import { findFeatureMsr, findRange } from '../definitions/lookup.ts';
import type { Definitions } from '../definitions/types.ts';
import type { Profile } from '../model/profile.ts';
import { toHex } from '../model/numbers.ts';
import { bootMsrGaps } from '../msr-filter/boot-check.ts';
import { bootMsrs } from '../msr-filter/boot.ts';
import { compileFilter, FilterError } from '../msr-filter/compile.ts';
import { isX2apic } from '../msr-filter/permitted.ts';
import { msrWhere } from './findings.ts';
import type { Broken, LintRule } from './lint-rule.ts';

/**
 * What the tables name takes at most 5 of KVM's 16 ranges, and each further MSR at most one more: with this few of them
 * the filter fits whatever they are, and nobody has to compile it to know.
 */
const SURELY_FIT = 8;

export const FILTER_RULES: readonly LintRule[] = [
  {
    code: 'FilterTooLarge',
    severity: 'error',
    law: 'The MSR filter fits into the 16 ranges that KVM takes.',
    find: tooLarge,
  },
  {
    code: 'BootMsrDenied',
    severity: 'error',
    law: 'A closed filter leaves the MSRs that a guest kernel needs to boot.',
    find: bootDenied,
  },
];

function tooLarge(profile: Profile, definitions: Definitions): Broken[] {
  if (profile.filter === 'none') return [];
  const strangers = unnamedMsrs(profile, definitions);
  const [first] = strangers;
  if (first === undefined || strangers.length <= SURELY_FIT) return [];
  try {
    compileFilter(profile, definitions);
    return [];
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return [
      {
        where: msrWhere(first),
        name: 'MSR filter',
        message: `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`,
      },
    ];
  }
}

/** Adjusted and required MSRs that no list names, rising: only these can scatter a filter. */
export function unnamedMsrs({ vendor, data }: Profile, definitions: Definitions): number[] {
  const { permitted, kvm, hyperv, forbidden, nonArchitectural } = definitions;
  const lists = [permitted, kvm, hyperv, forbidden, nonArchitectural];
  const boot = bootMsrs(vendor);
  const all = new Set([...data.requiredMsrs, ...data.featureMsrs.map(({ index }) => index)]);
  return [...all]
    .filter(
      (index) =>
        !isX2apic(index) &&
        findFeatureMsr(definitions, index) === undefined &&
        !lists.some(
          (list) => findRange<{ readonly first: number; readonly last: number }>(list, index) !== undefined,
        ) &&
        !boot.some(({ first, last }) => first <= index && index <= last),
    )
    .sort((left, right) => left - right);
}

const ACCESS = { r: 'reads', w: 'writes', rw: 'reads and writes' } as const;

function bootDenied(profile: Profile, definitions: Definitions): Broken[] {
  if (profile.filter !== 'closed') return [];
  return bootMsrGaps(profile, definitions).map(({ index, name, access }) => ({
    where: msrWhere(index),
    name,
    message: `A guest kernel ${ACCESS[access]} ${name} (MSR ${toHex(index)}) on its way up, and the closed filter denies that: it would not boot.`,
  }));
}
