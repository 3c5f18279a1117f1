import { describe, expect, test } from 'vitest';
import { AMD, INTEL } from '../../test/domain/made.ts';
import type { Definitions, Field, MsrDefinition } from '../definitions/types.ts';
import { DEFINITION_RULES, lintDefinitions } from './lint-definitions.ts';

const errors = (definitions: Definitions) =>
  lintDefinitions(definitions).filter(({ severity }) => severity === 'error');
const codes = (definitions: Definitions) => [
  ...new Set(lintDefinitions(definitions).map(({ code }) => code)),
];

const places = (definitions: Definitions, code: string) =>
  lintDefinitions(definitions)
    .filter((finding) => finding.code === code)
    .map(({ where, name }) => ({ where, name }));

/** Intel's tables with the policy of one field of an MSR changed. */
const withMsrPolicy = (index: number, bit: number, policy: Field['policy']): Definitions => ({
  ...INTEL,
  featureMsrs: INTEL.featureMsrs.map((row): MsrDefinition =>
    row.index === index
      ? {
          ...row,
          fields: row.fields.map((field) =>
            field.first <= bit && bit <= field.last ? { ...field, policy } : field,
          ),
        }
      : row,
  ),
});
const withCpuidPolicy = (name: string, policy: Field['policy']): Definitions => ({
  ...INTEL,
  cpuid: INTEL.cpuid.map((row) => ({
    ...row,
    fields: row.fields.map((field) => (field.name === name ? { ...field, policy } : field)),
  })),
});

test.each([
  ['intel', INTEL],
  ['amd', AMD],
])('the tables of %s keep every rule', (_, definitions) => {
  expect(errors(definitions)).toEqual([]);
});

const conditional = {
  first: 0x7777,
  last: 0x7777,
  name: 'MADE_UP',
  access: 'rw',
  anyOf: [{ leaf: 0x7, subleaf: 0, register: 'ebx', bit: 2 }],
} as const;

/** For each rule, tables that break it. */
const BROKEN: Readonly<Record<string, Definitions>> = {
  AnnouncerUnknown: {
    ...INTEL,
    permitted: [{ ...conditional, anyOf: [{ leaf: 0x7777, subleaf: 0, register: 'eax', bit: 0 }] }],
  },
  PermittedMsrNeverAnnounced: { ...INTEL, permitted: [conditional] },
  DeniedMsrGenerated: withCpuidPolicy('waitpkg', 'inherit'),
  VmxFixedPair: withMsrPolicy(0x488, 22, 'inherit'),
  VmxControlPair: withMsrPolicy(0x48e, 63, { static: 0 }),
  BootMsrForbidden: { ...INTEL, forbidden: [{ first: 0x270, last: 0x280, name: 'PAT and others' }] },
};

test('every rule has tables that break it, and a law', () => {
  expect(Object.keys(BROKEN).sort()).toEqual(DEFINITION_RULES.map(({ code }) => code).sort());
  expect(DEFINITION_RULES.every(({ law }) => law.endsWith('.'))).toBe(true);
});

describe.each(Object.entries(BROKEN))('%s', (code, definitions) => {
  test('is found in tables that break it', () => {
    expect(codes(definitions)).toContain(code);
    expect(places(definitions, code)).not.toEqual(places(INTEL, code));
  });
});

test('a permitted MSR that some bit can announce is no note', () => {
  const announced = {
    ...INTEL,
    permitted: [{ ...conditional, anyOf: [{ leaf: 0x7, subleaf: 0, register: 'ebx', bit: 5 } as const] }],
  };
  expect(codes(announced)).not.toContain('PermittedMsrNeverAnnounced');
});
