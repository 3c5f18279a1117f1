/**
 * Consistency rules over the tables themselves: what generation makes of any host can only be consistent if these hold.
 * Run in the tests, not on profiles.
 */
import { fieldAt, findField, findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions, Field } from '../definitions/types.ts';
import { toHex } from '../model/numbers.ts';
import { bootMsrs } from '../msr-filter/boot.ts';
import { contains, IA32_XSS } from '../msr-filter/permitted.ts';
import { ANNOUNCED_AND_DENIED } from './announcements.ts';
import { ARCH_CAPABILITIES, VMX_CONTROL_MSRS } from './exceptions.ts';
import { cpuidWhere, msrWhere, placeText } from './findings.ts';
import type { Broken } from './lint-rule.ts';
import type { LintFinding } from './lint.ts';
import { FIXED_PAIRS } from './lint-vmx.ts';

export interface DefinitionRule {
  readonly code: string;
  readonly severity: 'error' | 'note';
  readonly law: string;
  readonly find: (definitions: Definitions) => readonly Broken[];
}

const isStatic = (field: Field | undefined, value: number): boolean =>
  field !== undefined && typeof field.policy === 'object' && field.policy.static === value;

export const DEFINITION_RULES: readonly DefinitionRule[] = [
  {
    code: 'AnnouncerUnknown',
    severity: 'error',
    law: 'Every bit that a permitted MSR depends on has a row.',
    find: (definitions) =>
      conditional(definitions)
        .filter(({ anyOf }) => anyOf.some((bit) => findField(definitions, bit) === undefined))
        .map(({ first, name }) => ({
          where: msrWhere(first),
          name,
          message: `${name} (MSR ${toHex(first)}) depends on a CPUID bit that has no row.`,
        })),
  },
  {
    code: 'PermittedMsrNeverAnnounced',
    severity: 'note',
    law: 'A permitted MSR is announced by a bit that some profile can show.',
    find: (definitions) =>
      conditional(definitions)
        .filter(({ anyOf }) => anyOf.every((bit) => isStatic(findField(definitions, bit), 0)))
        .map(({ first, name }) => ({
          where: msrWhere(first),
          name,
          message: `${name} (MSR ${toHex(first)}) is permitted, and every bit that announces it is 0 in all generated profiles.`,
        })),
  },
  {
    code: 'DeniedMsrGenerated',
    severity: 'error',
    law: 'A bit that announces an MSR which no profile permits is static 0.',
    find: announcedAndDenied,
  },
  {
    code: 'VmxFixedPair',
    severity: 'error',
    law: 'Where a bit of IA32_VMX_CRn_FIXED1 is static 0, the same bit of FIXED0 is too.',
    find: fixedPairs,
  },
  {
    code: 'VmxControlPair',
    // A host that forced such a control would give a profile that lint refuses; KVM forces only the default-1 ones.
    severity: 'note',
    law: 'Where the may-be-1 bit of a VMX control is static 0, its must-be-1 bit is too.',
    find: controlPairs,
  },
  {
    code: 'BootMsrForbidden',
    severity: 'error',
    law: 'No MSR that a guest kernel needs to boot is forbidden or denied, IA32_XSS apart.',
    find: (definitions) =>
      bootMsrs(definitions.vendor).flatMap(({ first, last, name }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i)
          .filter((index) => index !== IA32_XSS)
          .filter(
            (index) =>
              contains(definitions.forbidden, index) || findFeatureMsr(definitions, index)?.use === 'deny',
          )
          .map((index) => ({
            where: msrWhere(index),
            name,
            message: `A guest kernel uses MSR ${toHex(index)} on its way up, and the tables keep it from guests.`,
          })),
      ),
  },
];

const conditional = ({ permitted, kvm }: Definitions): Definitions['permitted'] =>
  [...permitted, ...kvm].filter(({ anyOf }) => anyOf.length > 0);

function announcedAndDenied(definitions: Definitions): Broken[] {
  return ANNOUNCED_AND_DENIED.filter(
    ({ vendor }) => vendor === undefined || vendor === definitions.vendor,
  ).flatMap(({ by, name, msrs }) => {
    const place =
      'archCapability' in by ? msrWhere(ARCH_CAPABILITIES) : cpuidWhere(by.leaf, by.subleaf, by.register);
    const bit = 'archCapability' in by ? by.archCapability : by.bit;
    const field =
      'archCapability' in by
        ? fieldAt(findFeatureMsr(definitions, ARCH_CAPABILITIES)?.fields ?? [], bit)
        : findField(definitions, by);
    // A CPUID bit without a row is 0 anyway; one of an MSR is inherited.
    if (isStatic(field, 0) || (field === undefined && !('archCapability' in by))) return [];
    return [
      {
        where: place,
        name,
        message: `${placeText(place, [bit])} announces ${name} (${msrs}) and is not static 0.`,
      },
    ];
  });
}

function fixedPairs(definitions: Definitions): Broken[] {
  return FIXED_PAIRS.flatMap(([fixed0, fixed1]) => {
    const must = findFeatureMsr(definitions, fixed0);
    return (findFeatureMsr(definitions, fixed1)?.fields ?? [])
      .filter((field) => isStatic(field, 0))
      .filter(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i).some(
          (bit) => !isStatic(fieldAt(must?.fields ?? [], bit), 0),
        ),
      )
      .map(({ name, first }) => ({
        where: msrWhere(fixed0),
        name,
        message: `${name} may never be 1 (MSR ${toHex(fixed1)}[${first}] is static 0), and MSR ${toHex(fixed0)}[${first}] can say that it must.`,
      }));
  });
}

function controlPairs(definitions: Definitions): Broken[] {
  return VMX_CONTROL_MSRS.flatMap((index) => {
    const fields = findFeatureMsr(definitions, index)?.fields ?? [];
    return fields
      .filter((field) => field.first >= 32 && isStatic(field, 0))
      .filter(({ first }) => !isStatic(fieldAt(fields, first - 32), 0))
      .map(({ name, first }) => ({
        where: msrWhere(index),
        name,
        message: `${name} is static 0, and MSR ${toHex(index)}[${first - 32}] can say that the control must be 1.`,
      }));
  });
}

/** What breaks a rule of the tables. */
export const lintDefinitions = (definitions: Definitions): LintFinding[] =>
  DEFINITION_RULES.flatMap(({ code, severity, find }) =>
    find(definitions).map((broken): LintFinding => ({ code, severity, ...broken })),
  );
