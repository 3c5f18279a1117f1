import { describe, expect, it } from 'vitest';
import { compareCpuidPlaces, VENDORS, type Register, type Vendor } from '../model/registers.ts';
import { definitionsFor, TABLES, type VendorTables } from './definitions.ts';
import { isHyperV, permittedRow } from './lists.ts';
import { fieldAt, findFeatureMsr, findField, findRange } from './lookup.ts';
import type { Table } from './rows.ts';
import type { CpuidDefinition, Field, MsrRange, PermittedMsr } from './types.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const fieldCount = (rows: readonly { readonly fields: readonly Field[] }[]): number =>
  sum(rows.map(({ fields }) => fields.length));
const msrCount = (rows: readonly { readonly first: number; readonly last: number }[]): number =>
  sum(rows.map(({ first, last }) => last - first + 1));
const rowsOf = <T>(tables: readonly { readonly rows: readonly T[] }[]): T[] =>
  tables.flatMap(({ rows }) => rows);
const placeOf = ({ leaf, firstSubleaf, register }: CpuidDefinition): string =>
  `${leaf.toString(16)}.${firstSubleaf}:${register}`;
const allTables = (tables: VendorTables): readonly Table<unknown>[] => {
  const { cpuid, featureMsrs, permitted, kvm, hyperv, forbidden, nonArchitectural } = tables;
  return [...cpuid, ...featureMsrs, ...permitted, ...kvm, ...hyperv, ...forbidden, ...nonArchitectural];
};

describe('how much there is', () => {
  // Intel: 186 registers and 581 fields published; 0xd.17-63 (3 registers, 5 fields) is split at 19 and 20 here. Added: SGX
  // (leaf 0x12: 6 registers, 21 fields), 0x24.1 and 0x29 (2 and 2), 1:EDX[30], 7.0:EBX[22] and 4 of 80000008:EBX.
  // AMD: 165 and 676 published. Added: 7.0:EBX[22], 80000001:ECX[18], 80000021:ECX[7] and [13, 14].
  it('CPUID registers and fields', () => {
    const count = (rows: readonly CpuidDefinition[]) => [rows.length, fieldCount(rows)];
    const kvm = 2;
    expect(count(rowsOf(TABLES.intel.cpuid.slice(0, -1)))).toEqual([186 + 2 * 3 + 8, 581 + 2 * 5 + 23 + 6]);
    expect(count(rowsOf(TABLES.amd.cpuid.slice(0, -1)))).toEqual([165, 676 + 4]);
    expect(count(TABLES.intel.cpuid.at(-1)?.rows ?? [])).toEqual([4 + kvm, 23]);
    expect(TABLES.amd.cpuid.at(-1)).toBe(TABLES.intel.cpuid.at(-1));
  });

  it('feature MSRs and their fields', () => {
    const { intel, amd } = TABLES;
    expect([rowsOf(intel.featureMsrs).length, fieldCount(rowsOf(intel.featureMsrs))]).toEqual([24, 558 + 1]); // 0x480[58]
    expect([rowsOf(amd.featureMsrs).length, fieldCount(rowsOf(amd.featureMsrs))]).toEqual([5, 8]);
  });

  it('MSR lists', () => {
    // IA32_XSS is the one permitted beyond the published 242 and 244.
    expect(msrCount(definitionsFor('intel').permitted)).toBe(243);
    expect(msrCount(definitionsFor('amd').permitted)).toBe(245);
    expect(msrCount(definitionsFor('intel').kvm)).toBe(11);
    expect(msrCount(definitionsFor('intel').hyperv)).toBe(69);
    expect(definitionsFor('intel').nonArchitectural).toHaveLength(152);
    expect(definitionsFor('amd').nonArchitectural).toHaveLength(0);
  });
});

describe.each(VENDORS)('the %s tables', (vendor) => {
  const definitions = definitionsFor(vendor);
  const tables = TABLES[vendor];
  const registers = [...definitions.cpuid, ...definitions.featureMsrs];

  it('come as one object', () => {
    expect(definitionsFor(vendor)).toBe(definitions);
    expect(definitions.vendor).toBe(vendor);
  });

  it('each say what they are and where they come from', () => {
    const titles = allTables(tables).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const { title, source, rows } of allTables(tables)) {
      expect(title).not.toBe('');
      expect(source, title).toMatch(/SDM|APM|Linux|Cyberus/);
      expect(rows.length, title).toBeGreaterThan(0);
    }
  });

  it('are written down in order', () => {
    for (const { title, rows } of tables.cpuid) {
      const places = rows.map((row) => ({ ...row, subleaf: row.firstSubleaf }));
      expect(places, title).toEqual([...places].sort(compareCpuidPlaces));
    }
    for (const { title, rows } of tables.featureMsrs) {
      expect(rows, title).toEqual([...rows].sort((left, right) => left.index - right.index));
    }
    const lists = [
      tables.permitted,
      tables.kvm,
      tables.hyperv,
      tables.forbidden,
      tables.nonArchitectural,
    ].flat();
    for (const { title, rows } of lists) {
      expect(rows, title).toEqual([...rows].sort((left, right) => left.first - right.first));
    }
  });

  it('name a CPUID register once, and no subleaf twice', () => {
    const rows = definitions.cpuid;
    for (const [i, row] of rows.entries()) {
      expect(row.firstSubleaf, placeOf(row)).toBeLessThanOrEqual(row.lastSubleaf);
      const overlapping = rows
        .slice(i + 1)
        .filter(
          (other) =>
            other.leaf === row.leaf &&
            other.register === row.register &&
            other.firstSubleaf <= row.lastSubleaf &&
            row.firstSubleaf <= other.lastSubleaf,
        );
      expect(overlapping.map(placeOf), placeOf(row)).toEqual([]);
    }
  });

  it('name a feature MSR once', () => {
    const indices = definitions.featureMsrs.map(({ index }) => index);
    expect(indices).toEqual([...new Set(indices)].sort((left, right) => left - right));
  });

  it('have fields in order, inside the register, without overlap, with values that fit', () => {
    for (const row of registers) {
      const width = 'leaf' in row ? 32 : 64;
      const place = 'leaf' in row ? placeOf(row) : row.name;
      expect(row.fields.length, place).toBeGreaterThan(0);
      let next = 0;
      for (const field of row.fields) {
        expect(field.first, `${place} ${field.name}`).toBeGreaterThanOrEqual(next);
        expect(field.last, `${place} ${field.name}`).toBeGreaterThanOrEqual(field.first);
        if (typeof field.policy === 'object') {
          expect(field.policy.static, `${place} ${field.name}`).toBeGreaterThanOrEqual(0);
          expect(field.policy.static, `${place} ${field.name}`).toBeLessThan(
            2 ** (field.last - field.first + 1),
          );
        }
        next = field.last + 1;
      }
      expect(next, place).toBeLessThanOrEqual(width);
    }
  });

  it('have well-formed names, each once in a register', () => {
    for (const row of registers) {
      const names = row.fields.map(({ name }) => name);
      const place = 'leaf' in row ? placeOf(row) : row.name;
      expect(new Set(names).size, place).toBe(names.length);
      for (const name of names)
        expect(name, place).toMatch('leaf' in row ? /^[a-z0-9]+(_[a-z0-9]+)*$/ : /^[A-Z0-9]+(_[A-Z0-9]+)*$/);
    }
    for (const { name } of definitions.featureMsrs) expect(name).toMatch(/^[A-Z0-9]+(_[A-Z0-9]+)*$/);
    for (const { name } of [
      ...definitions.permitted,
      ...definitions.kvm,
      ...definitions.hyperv,
      ...definitions.forbidden,
    ]) {
      expect(name).toMatch(/^[A-Z0-9]+(_[A-Za-z0-9]+)*n?$/);
    }
  });

  it("leave to the host only what is not compared, KVM's signature apart", () => {
    const compared = definitions.cpuid
      .filter(({ fields }) =>
        fields.some(({ policy, relation }) => policy === 'passthrough' && relation !== 'ignore'),
      )
      .map(placeOf);
    expect(compared).toEqual(['40000000.0:eax', '40000000.0:ebx', '40000000.0:ecx', '40000000.0:edx']);
  });

  it('deny or require whole MSRs only, with nothing to compare in a denied one', () => {
    for (const { name, use, fields, undefinedBits } of definitions.featureMsrs.filter(
      (msr) => msr.use === 'deny',
    )) {
      expect([use, undefinedBits, fields.map(({ relation }) => relation)], name).toEqual([
        'deny',
        'ignore',
        ['ignore'],
      ]);
    }
  });

  it('have conditions that point to a field which can be 1', () => {
    for (const { name, anyOf } of [...definitions.permitted, ...definitions.kvm]) {
      const fields = anyOf.map((bit) => findField(definitions, bit));
      expect(fields, name).not.toContain(undefined);
      const possible = fields.some(
        (field) => field !== undefined && !(typeof field.policy === 'object' && field.policy.static === 0),
      );
      expect(anyOf.length === 0 || possible, name).toBe(true);
    }
  });

  it('have lists without overlap, in themselves and with each other', () => {
    const reachable: (MsrRange | PermittedMsr)[] = [
      ...definitions.permitted,
      ...definitions.kvm,
      ...definitions.hyperv,
    ];
    for (const list of [reachable, definitions.forbidden, definitions.nonArchitectural]) {
      const sorted = [...list].sort((left, right) => left.first - right.first);
      for (const [i, { first, last, name }] of sorted.entries()) {
        expect(last, name).toBeGreaterThanOrEqual(first);
        expect(first, name).toBeGreaterThan(sorted[i - 1]?.last ?? -1);
      }
    }
    const inBoth = (left: readonly MsrRange[], right: readonly MsrRange[]): number[] =>
      left
        .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
        .filter((index) => findRange(right, index) !== undefined);
    // IA32_XSS is forbidden unless XSAVES is offered; KVM's old clock sits on model-specific numbers, and permitted wins.
    expect(inBoth(reachable, definitions.forbidden)).toEqual([0xda0]);
    expect(inBoth(reachable, definitions.nonArchitectural)).toEqual(vendor === 'intel' ? [0x11, 0x12] : []);
  });

  it('keep adjusted, required and denied feature MSRs out of the forbidden list, and denied ones out of the permitted', () => {
    for (const { index, use, name } of definitions.featureMsrs) {
      expect(findRange(definitions.forbidden, index), name).toBeUndefined();
      if (use === 'deny') expect(permittedRow(definitions, index), name).toBeUndefined();
      expect(isHyperV(definitions, index), name).toBe(false);
    }
  });
});

describe('options', () => {
  const marked = (vendor: 'intel' | 'amd', option: Field['option']): string[] =>
    definitionsFor(vendor).cpuid.flatMap((row) =>
      row.fields
        .filter((field) => field.option === option)
        .map(({ first, last }) => `${placeOf(row)}[${first}-${last}]`),
    );

  it('amx: the tile bits, their state components and leaves 0x1d and 0x1e', () => {
    const outside = marked('intel', 'amx').filter((place) => !/^1[de]\./.test(place));
    expect(outside).toEqual([
      '7.0:edx[22-22]',
      '7.0:edx[24-24]',
      '7.0:edx[25-25]',
      '7.1:eax[21-21]',
      '7.1:edx[8-8]',
      'd.0:eax[17-17]',
      'd.0:eax[18-18]',
      'd.1:eax[4-4]',
      'd.1:ecx[17-18]',
      'd.17:eax[0-31]',
      'd.17:ebx[0-31]',
      'd.17:ecx[0-0]',
      'd.17:ecx[1-1]',
      'd.17:ecx[2-2]',
    ]);
    const leaves = definitionsFor('intel').cpuid.filter(({ leaf }) => leaf === 0x1d || leaf === 0x1e);
    expect(marked('intel', 'amx')).toHaveLength(outside.length + fieldCount(leaves));
    expect(marked('amd', 'amx')).toEqual([]);
  });

  it('nested: VMX and its MSRs on Intel, SVM and its leaf on AMD', () => {
    expect(marked('intel', 'nested')).toEqual(['1.0:ecx[5-5]']);
    for (const { index, fields, name } of definitionsFor('intel').featureMsrs) {
      const vmx = 0x480 <= index && index <= 0x493;
      for (const field of fields)
        expect(field.option, `${name} ${field.name}`).toBe(vmx ? 'nested' : undefined);
    }
    const svm = definitionsFor('amd').cpuid.filter(({ leaf }) => leaf === 0x8000_000a);
    expect(marked('amd', 'nested')).toHaveLength(1 + fieldCount(svm));
    expect(marked('amd', 'nested')[0]).toBe('80000001.0:ecx[2-2]');
    const rows = definitionsFor('amd').permitted.filter(({ option }) => option === 'nested');
    expect(rows.map(({ first }) => first)).toEqual([0xc000_0104, 0xc001_0114, 0xc001_0117]);
  });
});

describe('VMX capability MSRs', () => {
  const use = (wanted: string): number[] =>
    definitionsFor('intel')
      .featureMsrs.filter((msr) => msr.use === wanted)
      .map(({ index }) => index);

  it('six of them cannot be set, so they are required and never adjusted', () => {
    expect(use('required')).toEqual([0x481, 0x482, 0x483, 0x484, 0x487, 0x489]);
    expect(use('deny')).toEqual([0xce, 0x345]);
  });

  it.each([0x481, 0x482, 0x483, 0x484, 0x48b, 0x48d, 0x48e, 0x48f, 0x490])(
    'MSR %i: low half superset, high half subset, the same names in both',
    (index) => {
      const msr = findFeatureMsr(definitionsFor('intel'), index);
      expect(msr?.undefinedBits).toBe('halves');
      const fields = msr?.fields ?? [];
      const low = fields.filter(({ last }) => last < 32);
      const high = fields.filter(({ first }) => first >= 32);
      expect([...low, ...high]).toEqual(fields);
      expect(new Set(low.map(({ relation }) => relation))).toEqual(new Set(['superset']));
      expect(new Set(high.map(({ relation }) => relation))).toEqual(new Set(['subset']));
      expect(
        high.map(({ first, last, name }) => [
          first - 32,
          last - 32,
          name.replace('ALLOWED_ONE', 'ALLOWED_ZERO'),
        ]),
      ).toEqual(low.map(({ first, last, name }) => [first, last, name]));
      expect(sum(fields.map(({ first, last }) => last - first + 1))).toBe(64);
    },
  );

  it('a bit of CR0 or CR4 that is static 0 in FIXED1 is static 0 in FIXED0', () => {
    const policies = (index: number) =>
      findFeatureMsr(definitionsFor('intel'), index)?.fields.map(({ name, policy }) => [name, policy]);
    expect(policies(0x486)).toEqual(policies(0x487));
    expect(policies(0x488)).toEqual(policies(0x489));
  });
});

describe('decisions', () => {
  const policyOf = (vendor: Vendor, leaf: number, subleaf: number, register: Register, number: number) =>
    findField(definitionsFor(vendor), { leaf, subleaf, register, bit: number })?.policy;
  const zero = { static: 0 };

  it.each(VENDORS)('%s: nothing announces what no profile gives', (vendor) => {
    const announcing: readonly (readonly [number, number, Register, number])[] = [
      [0x7, 0, 'ecx', 3], // PKU
      [0x7, 0, 'ecx', 24], // bus lock detection: 0x1d9
      [0x7, 0, 'edx', 15], // hybrid: leaf 0x1a
      [0x7, 1, 'eax', 17], // FRED: 0x1cc-0x1d4
      [0x7, 1, 'edx', 21], // APX: XCR0[19]
      [0x7, 2, 'edx', 6], // UC lock disable: 0x33
      [0xd, 0, 'eax', 9], // PKRU state
      [0xd, 9, 'eax', 0],
      [0xd, 9, 'ebx', 0],
      [0xd, 19, 'eax', 0], // APX state
      [0xd, 19, 'ebx', 0],
    ];
    for (const at of announcing) expect(policyOf(vendor, ...at), at.join(' ')).toEqual(zero);
    for (const number of [0, 3, 24]) expect(policyOf(vendor, 0x4000_0001, 0, 'eax', number)).toBe('inherit');
    expect(policyOf(vendor, 0x4000_0001, 0, 'edx', 0)).toBe('inherit');
    expect(policyOf(vendor, 0x8000_0008, 0, 'eax', 0)).toBe('passthrough');
  });

  it('amd: what some kernels make up or leak is static 0', () => {
    expect(policyOf('amd', 0x7, 0, 'edx', 29)).toEqual(zero);
    expect(policyOf('amd', 0x8000_0021, 0, 'ecx', 1)).toEqual(zero);
    expect(policyOf('amd', 0x8000_0021, 0, 'ecx', 2)).toEqual(zero);
    const encryption = definitionsFor('amd').cpuid.filter(({ leaf }) => leaf === 0x8000_001f);
    for (const { name, policy } of encryption.flatMap(({ fields }) => fields))
      expect(policy, name).toEqual(zero);
  });

  it('intel: bits 25 and 32 of ARCH_CAPABILITIES are static 0, RSBA and RRSBA bad news', () => {
    const fields = findFeatureMsr(definitionsFor('intel'), 0x10a)?.fields ?? [];
    expect(fieldAt(fields, 25)?.policy).toEqual(zero);
    expect(fieldAt(fields, 32)?.policy).toEqual(zero);
    expect(fields.filter(({ reversed }) => reversed).map(({ name, relation }) => [name, relation])).toEqual([
      ['RSBA', 'superset'],
      ['RRSBA', 'superset'],
    ]);
  });

  it('intel: how undefined bits of feature MSRs are compared', () => {
    const wanted = new Map<number, string>([
      ...[0x481, 0x482, 0x483, 0x484, 0x48b, 0x48d, 0x48e, 0x48f, 0x490].map(
        (index) => [index, 'halves'] as const,
      ),
      ...[0x480, 0x485, 0x48a, 0x48c].map((index) => [index, 'subset'] as const),
      ...[0x486, 0x488].map((index) => [index, 'superset'] as const),
      [0x10a, 'equal'],
    ]);
    for (const [index, relation] of wanted) {
      expect(findFeatureMsr(definitionsFor('intel'), index)?.undefinedBits, index.toString(16)).toBe(
        relation,
      );
    }
    const revision = findFeatureMsr(definitionsFor('intel'), 0x480)?.fields[0];
    expect(revision).toMatchObject({ first: 0, last: 30, relation: 'equal' });
  });
});
