/** Consistency rules over MSRs and the CPUID bits that announce them. */
import { findFeatureMsr, findRange } from '../definitions/lookup.ts';
import type { CpuidBit, Definitions } from '../definitions/types.ts';
import { bitsOf, mask64, toHex } from '../model/numbers.ts';
import type { MsrAdjustment, Profile } from '../model/profile.ts';
import { canBeOne, contains, forbiddenMsrs, IA32_XSS, merged } from '../msr-filter/permitted.ts';
import { ANNOUNCED_AND_DENIED, type Announcement } from './announcements.ts';
import { fixesToOne } from './bits.ts';
import { ARCH_CAPABILITIES, isVmxMsr, SET_REFUSED_MSRS } from './exceptions.ts';
import { cpuidWhere, msrWhere, placeText } from './findings.ts';
import type { Broken, LintRule } from './lint-rule.ts';

const ARCH_CAPABILITIES_BIT: CpuidBit = { leaf: 0x7, subleaf: 0, register: 'edx', bit: 29 };

const bitName = ({ leaf, subleaf, register, bit }: CpuidBit): string =>
  placeText(cpuidWhere(leaf, subleaf, register), [bit]);

const about = (index: number, name: string | undefined, message: string): Broken => ({
  where: msrWhere(index),
  name: name ?? `MSR ${toHex(index)}`,
  message,
});

export const MSR_RULES: readonly LintRule[] = [
  {
    code: 'RequiredMsrForbidden',
    severity: 'error',
    law: 'No required MSR is one that must not be reachable, and IA32_XSS is never required.',
    find: requiredForbidden,
  },
  {
    code: 'RequiredMsrUnannounced',
    severity: 'error',
    law: 'A required MSR whose use a CPUID bit announces is not required while the profile forces that bit to 0.',
    find: requiredUnannounced,
  },
  {
    code: 'MsrNotSettable',
    severity: 'error',
    law: 'MSRs that KVM reports and refuses to set are required, never adjusted.',
    find: ({ data }, definitions) =>
      data.featureMsrs
        .filter(({ index }) => SET_REFUSED_MSRS.includes(index))
        .map(({ index }) =>
          about(
            index,
            findFeatureMsr(definitions, index)?.name,
            `KVM refuses to set MSR ${toHex(index)}: list it in requiredMsrs and leave it out of featureMsrs.`,
          ),
        ),
  },
  {
    code: 'DeniedMsrAdjusted',
    severity: 'error',
    law: 'An MSR that is kept from guests is not adjusted.',
    find: ({ data }, definitions) =>
      data.featureMsrs.flatMap(({ index }) => {
        const row = findFeatureMsr(definitions, index);
        return row?.use === 'deny'
          ? [
              about(
                index,
                row.name,
                `${row.name} (MSR ${toHex(index)}) is kept from guests, so setting it has no meaning.`,
              ),
            ]
          : [];
      }),
  },
  {
    code: 'DeniedMsrAnnounced',
    severity: 'warning',
    law: 'A bit that announces an MSR which no profile permits is forced to 0.',
    find: deniedAnnounced,
  },
  {
    code: 'ArchCapabilitiesUnannounced',
    severity: 'warning',
    law: 'IA32_ARCH_CAPABILITIES is adjusted together with its CPUID bit.',
    find: ({ data }) =>
      data.featureMsrs.some(({ index }) => index === ARCH_CAPABILITIES) &&
      !canBeOne(data, ARCH_CAPABILITIES_BIT)
        ? [
            about(
              ARCH_CAPABILITIES,
              'IA32_ARCH_CAPABILITIES',
              `MSR ${toHex(ARCH_CAPABILITIES)} is set while ${bitName(ARCH_CAPABILITIES_BIT)} is forced to 0: guests never read it, and newer kernels refuse to set it.`,
            ),
          ]
        : [],
  },
  {
    code: 'FeatureMsrUnknown',
    severity: 'warning',
    law: 'Every adjusted MSR has a row in the tables.',
    find: ({ data }, definitions) =>
      data.featureMsrs
        .filter(({ index }) => findFeatureMsr(definitions, index) === undefined)
        .map(({ index }) =>
          about(
            index,
            undefined,
            `MSR ${toHex(index)} is not in the tables: hosts must have exactly the same value.`,
          ),
        ),
  },
  {
    code: 'MsrPassthroughCompared',
    severity: 'note',
    law: 'MSR bits that shine through from the host are ones that may differ between hosts.',
    find: ({ data }, definitions) =>
      data.featureMsrs.flatMap((entry) => passthroughCompared(entry, definitions)),
  },
];

function requiredForbidden({ vendor, data }: Profile, definitions: Definitions): Broken[] {
  const forbidden = forbiddenMsrs({ vendor, data }, definitions);
  const numbers = merged(forbidden);
  // VMX MSRs without nesting have a rule of their own, which says more.
  return data.requiredMsrs
    .filter((index) => index === IA32_XSS || (findRange(numbers, index) !== undefined && !isVmxMsr(index)))
    .map((index) => {
      const name = forbidden.find((range) => contains([range], index))?.name ?? 'IA32_XSS';
      return about(
        index,
        name,
        `${name} (MSR ${toHex(index)}) must not be required: it is kept from guests, or hosts on older kernels lack it.`,
      );
    });
}

function requiredUnannounced({ data }: Profile, definitions: Definitions): Broken[] {
  return data.requiredMsrs.flatMap((index) => {
    const row = findRange(definitions.permitted, index) ?? findRange(definitions.kvm, index);
    if (row === undefined || row.anyOf.length === 0 || row.anyOf.some((bit) => canBeOne(data, bit)))
      return [];
    const bits = row.anyOf.map(bitName).join(' or ');
    return [
      about(
        index,
        row.name,
        `${row.name} (MSR ${toHex(index)}) is required, and the profile forces ${bits} to 0, without which no guest uses it.`,
      ),
    ];
  });
}

function deniedAnnounced({ vendor, data }: Profile): Broken[] {
  const msrValue = data.featureMsrs.find(({ index }) => index === ARCH_CAPABILITIES)?.value ?? 0n;
  const announced = ({ by }: Announcement): boolean =>
    'archCapability' in by ? ((msrValue >> BigInt(by.archCapability)) & 1n) === 1n : fixesToOne(data, by);
  return ANNOUNCED_AND_DENIED.filter((row) => row.vendor === undefined || row.vendor === vendor)
    .filter(announced)
    .map(({ by, name, msrs }): Broken => {
      const place =
        'archCapability' in by ? placeText(msrWhere(ARCH_CAPABILITIES), [by.archCapability]) : bitName(by);
      return {
        where:
          'archCapability' in by ? msrWhere(ARCH_CAPABILITIES) : cpuidWhere(by.leaf, by.subleaf, by.register),
        name,
        message: `${place} announces ${name} (${msrs}), which no profile permits: a guest that uses it faults or finds nothing.`,
      };
    });
}

function passthroughCompared({ index, mask }: MsrAdjustment, definitions: Definitions): Broken[] {
  const row = findFeatureMsr(definitions, index);
  const fields = (row?.fields ?? []).filter(
    ({ first, last, relation }) => relation !== 'ignore' && (mask & mask64(first, last)) !== 0n,
  );
  if (fields.length === 0) return [];
  const bits = fields.reduce((all, { first, last }) => all | (mask & mask64(first, last)), 0n);
  const names = fields.map(({ name }) => name).join(', ');
  return [
    about(
      index,
      names,
      `Left to whichever host runs the guest, which may lose it when it moves: ${names} (${placeText(msrWhere(index), bitsOf(bits))}).`,
    ),
  ];
}
