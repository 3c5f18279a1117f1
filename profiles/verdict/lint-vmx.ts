/** Consistency rules over nested virtualization on Intel. SDM vol. 3D, appendix A. */
import { findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions } from '../definitions/types.ts';
import { bitsOf, mask64, toHex } from '../model/numbers.ts';
import type { Profile } from '../model/profile.ts';
import { canBeOne } from '../msr-filter/permitted.ts';
import { NESTING_BIT } from './bits.ts';
import { isVmxMsr, VMX_CONTROL_MSRS } from './exceptions.ts';
import { cpuidWhere, msrWhere, placeText } from './findings.ts';
import type { Broken, LintRule } from './lint-rule.ts';

/** What a nested hypervisor reads before VMXON: an incomplete set is how nested VMXON comes to fault. */
const COMPLETE_SET = Array.from({ length: 0x491 - 0x480 + 1 }, (_, i) => 0x480 + i);
const FEATURE_CONTROL = 0x3a;
const PROCBASED = 0x48e;
const PROCBASED_2 = 0x48b;
const EPT_VPID = 0x48c;

/** FIXED0 and FIXED1 of CR0 and CR4. Intel SDM vol. 3D, A.7 and A.8. */
export const FIXED_PAIRS: readonly (readonly [fixed0: number, fixed1: number])[] = [
  [0x486, 0x487],
  [0x488, 0x489],
];

export const VMX_RULES: readonly LintRule[] = [
  {
    code: 'NestedMsrsIncomplete',
    severity: 'error',
    law: 'A profile that shows VMX carries 0x480-0x491 and requires IA32_FEATURE_CONTROL.',
    find: incomplete,
  },
  {
    code: 'VmxMsrsWithoutVmx',
    severity: 'error',
    law: 'VMX MSRs are adjusted or required only where VMX is shown.',
    find: withoutVmx,
  },
  {
    code: 'VmxControlContradiction',
    severity: 'error',
    law: 'Every VMX control that must be 1 may be 1.',
    find: vmxContradictions,
  },
  {
    code: 'VmxFixedContradiction',
    severity: 'error',
    law: 'No bit of CR0 or CR4 must be 1 (FIXED0) that may not be 1 (FIXED1).',
    find: fixedContradictions,
  },
  {
    code: 'VmxControlUngated',
    severity: 'warning',
    law: '0x48e[63] gates 0x48b; 0x48b[33] or [37] gates 0x48c.',
    find: ungated,
  },
];

const carried = ({ data }: Profile): Set<number> =>
  new Set([...data.featureMsrs.map(({ index }) => index), ...data.requiredMsrs]);

function incomplete(profile: Profile): Broken[] {
  if (profile.vendor !== 'intel' || !canBeOne(profile.data, NESTING_BIT.intel)) return [];
  const has = carried(profile);
  const missing = [FEATURE_CONTROL, ...COMPLETE_SET].filter((index) => !has.has(index));
  if (missing.length === 0) return [];
  const { leaf, subleaf, register } = NESTING_BIT.intel;
  return [
    {
      where: cpuidWhere(leaf, subleaf, register),
      name: 'vmx',
      message: `The profile shows VMX (CPUID 1.0:ECX[5]) without MSRs ${missing.map(toHex).join(', ')}: nested VMXON would fault. Add them, or take options.nested: false.`,
    },
  ];
}

function withoutVmx(profile: Profile, definitions: Definitions): Broken[] {
  if (profile.vendor === 'intel' && canBeOne(profile.data, NESTING_BIT.intel)) return [];
  return [...carried(profile)]
    .filter(isVmxMsr)
    .sort((left, right) => left - right)
    .map((index) => ({
      where: msrWhere(index),
      name: findFeatureMsr(definitions, index)?.name ?? `MSR ${toHex(index)}`,
      message: `MSR ${toHex(index)} is part of VMX, which the profile does not show to guests.`,
    }));
}

/** VMX controls that must be 1 and may not be. */
export function vmxContradictions({ data }: Profile, definitions: Definitions): Broken[] {
  return data.featureMsrs
    .filter(({ index }) => VMX_CONTROL_MSRS.includes(index))
    .flatMap(({ index, mask, value }) => {
      const mustBeOne = value & 0xffff_ffffn;
      const mayBeOne = (value | mask) >> 32n;
      const bits = bitsOf(mustBeOne & ~mayBeOne);
      if (bits.length === 0) return [];
      const name = findFeatureMsr(definitions, index)?.name ?? `MSR ${toHex(index)}`;
      return [
        {
          where: msrWhere(index),
          name,
          message: `${name} (${placeText(msrWhere(index), bits)}) says of these controls that they must be 1 and that they may not.`,
        },
      ];
    });
}

/** FIXED1 cannot be set, so its rows say what may never be 1: those that are static 0. */
function fixedContradictions({ data }: Profile, definitions: Definitions): Broken[] {
  return FIXED_PAIRS.flatMap(([fixed0, fixed1]) => {
    const must = data.featureMsrs.find(({ index }) => index === fixed0)?.value ?? 0n;
    const never = (findFeatureMsr(definitions, fixed1)?.fields ?? [])
      .filter(({ policy }) => typeof policy === 'object' && policy.static === 0)
      .reduce((bits, { first, last }) => bits | mask64(first, last), 0n);
    const bits = bitsOf(must & never);
    if (bits.length === 0) return [];
    const name = findFeatureMsr(definitions, fixed0)?.name ?? `MSR ${toHex(fixed0)}`;
    return [
      {
        where: msrWhere(fixed0),
        name,
        message: `${name} (${placeText(msrWhere(fixed0), bits)}) says of control register bits that they must be 1, and no profile lets them be.`,
      },
    ];
  });
}

function ungated({ data }: Profile, definitions: Definitions): Broken[] {
  const word = (index: number): bigint | undefined => {
    const entry = data.featureMsrs.find((candidate) => candidate.index === index);
    return entry && entry.value | entry.mask;
  };
  const bit = (index: number, number: bigint): boolean => (((word(index) ?? 0n) >> number) & 1n) === 1n;
  const gates = [
    { msr: PROCBASED_2, open: bit(PROCBASED, 63n), by: 'secondary controls (0x48e[63])' },
    {
      msr: EPT_VPID,
      open: bit(PROCBASED_2, 33n) || bit(PROCBASED_2, 37n),
      by: 'EPT or VPID (0x48b[33], [37])',
    },
  ];
  return gates
    .filter(({ msr, open }) => !open && (word(msr) ?? 0n) !== 0n)
    .map(({ msr, by }) => {
      const name = findFeatureMsr(definitions, msr)?.name ?? `MSR ${toHex(msr)}`;
      return {
        where: msrWhere(msr),
        name,
        message: `${name} (MSR ${toHex(msr)}) is set while ${by} are off: it does not exist for guests.`,
      };
    });
}
