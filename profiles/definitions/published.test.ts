/**
 * Our tables against the published figures, where those are at hand (../shared/facts): every row is there with the
 * same bits, policy and relation, apart from the decisions listed here, each with its reason at the row.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Vendor } from '../model/registers.ts';
import { definitionsFor } from './definitions.ts';
import type { CpuidDefinition, Definitions, Field, MsrDefinition, PermittedMsr } from './types.ts';

const facts = new URL('../../../shared/facts/', import.meta.url);
const here = existsSync(facts);

const policy = z.union([
  z.object({ kind: z.enum(['inherit', 'passthrough', 'deny']) }),
  z.object({ kind: z.literal('static'), value: z.int() }),
]);
const value = z.object({
  bits: z.tuple([z.int(), z.int()]),
  policy,
  relation: z.string(),
  option: z.string().optional(),
  polarity: z.literal('reversed').optional(),
});
const cpuidRows = z.array(
  z.object({
    leaf: z.string(),
    subleaf: z.tuple([z.int(), z.int()]),
    register: z.string(),
    values: z.array(value),
  }),
);
const msrRows = z.array(z.object({ address: z.string(), name: z.string(), values: z.array(value) }));
const permittedRows = z.array(
  z.object({
    address: z.string(),
    access: z.enum(['ro', 'wo', 'rw']),
    cpuid: z.string().optional(),
    cpuidAny: z.array(z.string()).optional(),
    option: z.string().optional(),
  }),
);
const rangeRows = z.array(z.object({ first: z.string(), last: z.string() }));
const addresses = z.array(z.object({ address: z.string() }));
const kvmRows = z.object({
  permitted: z.array(z.object({ address: z.string(), condition: z.string() })),
  forbidden: z.tuple([]),
});
const read = <T>(schema: z.ZodType<T>, file: string): T =>
  schema.parse(JSON.parse(readFileSync(new URL(file, facts), 'utf8')));

/** One line a field: `7.0-0:ecx[24-24]` -> `inherit subset`. */
type Rows = Map<string, string>;
type Published = z.infer<typeof value>;
const publishedText = ({ policy: { kind, ...rest }, relation, polarity }: Published): string =>
  [kind, 'value' in rest ? String(rest.value) : '', relation, polarity ?? ''].filter(Boolean).join(' ');
const fieldText = ({ policy: ours, relation, reversed }: Field, deny = false): string => {
  const kind = deny ? 'deny' : typeof ours === 'object' ? `static ${ours.static}` : ours;
  return [kind, relation, reversed === true ? 'reversed' : ''].filter(Boolean).join(' ');
};

const publishedCpuid = (files: readonly string[]): Rows =>
  new Map(
    files
      .flatMap((file) => read(cpuidRows, file))
      .flatMap(({ leaf, subleaf, register, values }) =>
        values.map((row): [string, string] => [
          `${leaf.slice(2)}.${subleaf.join('-')}:${register.toLowerCase()}[${row.bits.join('-')}]`,
          publishedText(row),
        ]),
      ),
  );
const ourCpuid = (rows: readonly CpuidDefinition[]): Rows =>
  new Map(
    rows.flatMap(({ leaf, firstSubleaf, lastSubleaf, register, fields }) =>
      fields.map((field): [string, string] => [
        `${leaf.toString(16)}.${firstSubleaf}-${lastSubleaf}:${register}[${field.first}-${field.last}]`,
        fieldText(field),
      ]),
    ),
  );
const publishedMsrs = (file: string): Rows =>
  new Map(
    read(msrRows, file).flatMap(({ address, values }) =>
      values.map((row): [string, string] => [
        `${address.slice(2)}[${row.bits.join('-')}]`,
        publishedText(row),
      ]),
    ),
  );
const ourMsrs = (rows: readonly MsrDefinition[]): Rows =>
  new Map(
    rows.flatMap(({ index, use, fields }) =>
      fields.map((field): [string, string] => [
        `${index.toString(16)}[${field.first}-${field.last}]`,
        fieldText(field, use === 'deny'),
      ]),
    ),
  );

/** `was` is what the published table says; `null` where the one has no such row and the other has. */
interface Decision {
  readonly name: string;
  readonly row: string;
  readonly was: string | null;
  readonly is: string | null;
}
const decide = (name: string, was: string | null, is: string | null, ...rows: string[]): Decision[] =>
  rows.map((row) => ({ name, row, was, is }));
const INHERITED = 'inherit subset';
const ZERO = 'static 0 subset';

const PARAVIRT = decide(
  'paravirtual features are promises like any other',
  'passthrough subset',
  INHERITED,
  ...[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 24].map(
    (n) => `40000001.0-0:eax[${n}-${n}]`,
  ),
  '40000001.0-0:edx[0-0]',
);
const NO_FRED = decide('FRED MSRs are forbidden', INHERITED, ZERO, '7.1-1:eax[17-17]');
const NO_APX = decide('APX needs XCR0[19]', INHERITED, ZERO, '7.1-1:edx[21-21]');

/** Bits that programs have a name for, or that recorded hosts show. */
const ADDED = 'named elsewhere or seen on a host';
const SGX = [
  ...[0, 1, 5, 6, 7, 10, 11].map((n) => `12.0-0:eax[${n}-${n}]`),
  ...[0, 1].map((n) => `12.0-0:ebx[${n}-${n}]`),
  ...[0, 1, 2, 4, 5, 6, 7, 10].map((n) => `12.1-1:eax[${n}-${n}]`),
  '12.1-1:ecx[0-31]',
  '12.1-1:edx[0-31]',
];

const CPUID_DECISIONS: Readonly<Record<Vendor, readonly Decision[]>> = {
  intel: [
    ...PARAVIRT,
    ...NO_FRED,
    ...NO_APX,
    ...decide(ADDED, null, ZERO, ...SGX, '1.0-0:edx[30-30]', '7.0-0:ebx[22-22]', '29.0-0:ebx[0-0]'),
    ...decide(ADDED, null, ZERO, ...[12, 14, 15, 24].map((n) => `80000008.0-0:ebx[${n}-${n}]`)),
    ...decide(ADDED, null, 'static 0 at-most', '12.0-0:edx[0-7]', '12.0-0:edx[8-15]'),
    ...decide(ADDED, null, INHERITED, '24.1-1:ecx[2-2]'),
    ...decide('bus_lock_detect announces the forbidden 0x1d9', INHERITED, ZERO, '7.0-0:ecx[24-24]'),
    ...decide('hybrid_cpu announces leaf 0x1a', INHERITED, ZERO, '7.0-0:edx[15-15]'),
    ...decide('uclock_disable announces 0x33', INHERITED, ZERO, '7.2-2:edx[6-6]'),
    ...decide(
      'no PKU, no PKRU state',
      INHERITED,
      ZERO,
      'd.0-0:eax[9-9]',
      ...[0, 1, 2].map((n) => `d.9-9:ecx[${n}-${n}]`),
    ),
    ...decide(
      'no PKU, no PKRU state',
      'inherit equal',
      'static 0 equal',
      'd.9-9:eax[0-31]',
      'd.9-9:ebx[0-31]',
    ),
    ...['eax[0-31]', 'ebx[0-31]', 'ecx[0-0]', 'ecx[1-1]', 'ecx[2-2]'].flatMap((bits) => {
      const relation = bits.startsWith('ecx') ? 'subset' : 'equal';
      return [
        ...decide('the AMX components are rows of their own', `inherit ${relation}`, null, `d.17-63:${bits}`),
        ...decide(
          'the AMX components are rows of their own',
          null,
          `inherit ${relation}`,
          `d.17-18:${bits}`,
          `d.20-63:${bits}`,
        ),
        ...decide('APX needs XCR0[19]', null, `static 0 ${relation}`, `d.19-19:${bits}`),
      ];
    }),
  ],
  amd: [
    ...PARAVIRT,
    ...NO_FRED,
    ...NO_APX,
    ...decide(ADDED, null, ZERO, '7.0-0:ebx[22-22]', '80000001.0-0:ecx[18-18]'),
    ...decide(ADDED, null, ZERO, '80000021.0-0:ecx[7-7]', '80000021.0-0:ecx[13-14]'),
  ],
};

const MSR_DECISIONS: Readonly<Record<Vendor, readonly Decision[]>> = {
  intel: [
    ...decide('GDS_CTRL announces 0x123, a 4.14 kernel leaks it', INHERITED, ZERO, '10a[25-25]'),
    ...decide('PBOPT_SUPPORT announces 0xbf', INHERITED, ZERO, '10a[32-32]'),
    ...decide(
      'RSBA and RRSBA are bad news',
      'inherit superset',
      'inherit superset reversed',
      '10a[2-2]',
      '10a[19-19]',
    ),
    ...decide(ADDED, null, INHERITED, '480[58-58]'),
    ...decide('bit 31 is no part of the VMCS revision', 'inherit equal', null, '480[0-31]'),
    ...decide('bit 31 is no part of the VMCS revision', null, 'inherit equal', '480[0-30]'),
  ],
  amd: [],
};

/** The published rows with the decisions made. Throws where a decision no longer fits the published row. */
function decided(published: Rows, decisions: readonly Decision[]): Rows {
  const rows = new Map(published);
  for (const { name, row, was, is } of decisions) {
    if ((rows.get(row) ?? null) !== was)
      throw new Error(`${name}: ${row} was published as ${String(rows.get(row))}, not ${String(was)}`);
    if (is === null) rows.delete(row);
    else rows.set(row, is);
  }
  return rows;
}
const sorted = <T>(rows: ReadonlyMap<string, T>): Record<string, T> =>
  Object.fromEntries([...rows].sort(([left], [right]) => left.localeCompare(right)));

const FILES = {
  intel: {
    cpuid: ['intel-cpuid.json', 'kvm-cpuid.json'],
    msrs: 'intel-feature-msrs.json',
    permitted: 'intel-permitted-msrs.json',
    forbidden: 'intel-forbidden-msrs.json',
  },
  amd: {
    cpuid: ['amd-cpuid.json', 'kvm-cpuid.json'],
    msrs: 'amd-feature-msrs.json',
    permitted: 'amd-permitted-msrs.json',
    forbidden: 'amd-forbidden-msrs.json',
  },
} as const;

const indices = (ranges: readonly { readonly first: number; readonly last: number }[]): Set<number> =>
  new Set(ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)));
const rangeOf = ({ first, last }: { first: string; last: string }) => ({
  first: Number(first),
  last: Number(last),
});
const rising = (set: ReadonlySet<number>): string[] =>
  [...set].sort((left, right) => left - right).map((index) => index.toString(16));

/** `CPUID.7.0:EDX[26]` or `CPUID.1:ECX[5]` as `7.0:edx[26]`. */
function condition(text: string): string {
  const [, leaf, subleaf = '0', rest] =
    /^CPUID\.([0-9A-Fa-f]+)(?:\.(\d+))?:(E[A-D]X\[\d+\])$/.exec(text) ?? [];
  if (leaf === undefined || rest === undefined) throw new Error(`not a condition: ${text}`);
  return `${leaf}.${subleaf}:${rest}`.toLowerCase();
}
const ourPermitted = (rows: readonly PermittedMsr[]): Map<string, string> =>
  new Map(
    rows.flatMap(({ first, last, access, anyOf, option }) => {
      const bits = anyOf.map(
        ({ leaf, subleaf, register, bit }) => `${leaf.toString(16)}.${subleaf}:${register}[${bit}]`,
      );
      const text = [access, ...bits, option ?? ''].filter(Boolean).join(' ');
      return Array.from({ length: last - first + 1 }, (_, i): [string, string] => [
        (first + i).toString(16),
        text,
      ]);
    }),
  );

describe.skipIf(!here).each(['intel', 'amd'] as const)(
  'the %s tables against the published figures (../shared/facts)',
  (vendor) => {
    const definitions: Definitions = definitionsFor(vendor);
    const files = FILES[vendor];

    it('CPUID: every field, policy and relation', () => {
      const published = decided(publishedCpuid(files.cpuid), CPUID_DECISIONS[vendor]);
      expect(published.size).toBeGreaterThan(600);
      expect(sorted(ourCpuid(definitions.cpuid))).toEqual(sorted(published));
    });

    it('feature MSRs: every field, policy and relation', () => {
      const published = decided(publishedMsrs(files.msrs), MSR_DECISIONS[vendor]);
      expect(sorted(ourMsrs(definitions.featureMsrs))).toEqual(sorted(published));
      expect(definitions.featureMsrs.map(({ index, name }) => `${index} ${name}`).sort()).toEqual(
        read(msrRows, files.msrs)
          .map(({ address, name }) => `${Number(address)} ${name}`)
          .sort(),
      );
    });

    it('permitted MSRs: every index with access, condition and option', () => {
      const access = { ro: 'r', wo: 'w', rw: 'rw' } as const;
      const published = new Map(
        read(permittedRows, files.permitted).map(({ address, cpuid, cpuidAny, option, ...row }) => {
          const bits = [cpuid ?? [], cpuidAny ?? []].flat().map(condition);
          return [
            address.slice(2),
            [access[row.access], ...bits, option ?? ''].filter(Boolean).join(' '),
          ] as const;
        }),
      );
      // IA32_XSS: a Linux guest with XSAVES writes it at boot.
      published.set('da0', 'rw d.1:eax[3]');
      if (vendor === 'intel') {
        // XFD: hosts without it do not list its MSRs. TSC_AUX: RDTSCP is enough, as on AMD.
        for (const index of ['1c4', '1c5']) published.set(index, 'rw d.1:eax[4]');
        published.set('c0000103', 'rw 7.0:ecx[22] 80000001.0:edx[27]');
      }
      expect(sorted(ourPermitted(definitions.permitted))).toEqual(sorted(published));
    });

    it('forbidden MSRs: every index', () => {
      const published = indices(read(rangeRows, files.forbidden).map(rangeOf));
      // FRED's MSRs stand in no published list; HWCR is in KVM's index list on Intel too.
      for (let index = 0x1cc; index <= 0x1d4; index += 1) published.add(index);
      if (vendor === 'intel') published.add(0xc001_0015);
      // Intel's, which Linux 6.1 lists on AMD hosts as well.
      else
        for (const index of [0x309, 0x30a, 0x30b, 0x38d, 0x38e, 0x38f, 0x390, 0x3f1, 0x3f2, 0x600])
          published.add(index);
      expect(rising(indices(definitions.forbidden))).toEqual(rising(published));
    });
  },
);

describe.skipIf(!here)('the common lists against the published figures (../shared/facts)', () => {
  it("KVM's MSRs with their conditions", () => {
    const published = new Map(
      read(kvmRows, 'kvm-msrs.json').permitted.map((row) => [
        row.address.slice(2),
        `rw ${condition(row.condition)}`,
      ]),
    );
    expect(sorted(ourPermitted(definitionsFor('intel').kvm))).toEqual(sorted(published));
    expect(definitionsFor('amd').kvm).toEqual(definitionsFor('intel').kvm);
  });

  it("Hyper-V's MSRs", () => {
    const published = new Set(read(addresses, 'hyperv-msrs.json').map(({ address }) => Number(address)));
    expect(rising(indices(definitionsFor('intel').hyperv))).toEqual(rising(published));
    expect(definitionsFor('amd').hyperv).toEqual(definitionsFor('intel').hyperv);
  });

  it('model-specific MSRs of Intel', () => {
    const published = read(rangeRows, 'intel-nonarchitectural-msrs.json').map(rangeOf);
    expect(definitionsFor('intel').nonArchitectural.map(({ first, last }) => ({ first, last }))).toEqual(
      published,
    );
  });
});
