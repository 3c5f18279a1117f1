import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { definitionsFor } from '../definitions/definitions.ts';
import { isHyperV, permittedRow } from '../definitions/lists.ts';
import { findCpuid, findFeatureMsr } from '../definitions/lookup.ts';
import { profileDataFromWire, profileDataToWire, profileDigest } from '../model/profile.ts';
import { nameProblem } from '../make/limits.ts';
import { catalogEntry, catalogNames, catalogSummaries, entryCovering, type CatalogEntry } from './catalog.ts';
import digests from './digests.json' with { type: 'json' };

// Published: these never change. A profile that has to differ gets a new name.
const DIGESTS: Readonly<Record<string, string>> = {
  ...digests,
  'cascade-lake': 'sha256:1155088d87a866ac6f7357cd143f16489ca0375e2d55b225caf3e2f508ba27f2',
  'sapphire-rapids': 'sha256:184964bbe3d636af1d017175dac34a99ead39512a27f9731a49a72189e2b833e',
  skylake: 'sha256:70820f7a395c6e1f0f649293fa7eb86c7aa633c503dff584f2c49392f5e498cd',
};
const PUBLISHED = ['cascade-lake', 'sapphire-rapids', 'skylake'];

const entry = (name: string): CatalogEntry => {
  const found = catalogEntry(name);
  if (found === undefined) throw new Error(`no catalogue entry ${name}`);
  return found;
};

describe('the catalogue', () => {
  it('has the published profiles, the levels and models of both vendors, and each once', () => {
    const names = catalogNames();
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toEqual(
      expect.arrayContaining([
        ...PUBLISHED,
        ...['x86-64-v2', 'x86-64-v3', 'x86-64-v4'].flatMap((level) => [`${level}-intel`, `${level}-amd`]),
        ...['haswell-v4', 'icelake-server-v5', 'sapphirerapids-v3', 'graniterapids-v2', 'sierraforest-v2'],
        ...['epyc-v3', 'epyc-rome-v2', 'epyc-milan-v2', 'epyc-genoa-v2', 'epyc-turin-v1'],
      ]),
    );
    expect(Object.keys(DIGESTS).sort()).toEqual(names);
  });

  it('answers undefined for a name it does not have', () => {
    expect(catalogEntry('broadwell')).toBeUndefined();
    expect(catalogEntry('constructor')).toBeUndefined();
  });

  it('lists by vendor, then by age', () => {
    const order = catalogSummaries().map(({ vendor, year }) => `${vendor === 'intel' ? 0 : 1}${year}`);
    expect(order).toHaveLength(catalogNames().length);
    expect(order).toEqual(order.toSorted());
  });

  it('knows which entry stands for a version that has none', () => {
    expect(entryCovering('Icelake-Server-v6')).toBe('icelake-server-v5');
    expect(entryCovering('epyc-milan-v3')).toBe('epyc-milan-v2');
    expect(entryCovering('x86-64-v3')).toBeUndefined();
    expect(entryCovering('Icelake-Server-v99')).toBeUndefined();
  });

  describe.each(catalogNames())('%s', (name) => {
    it('is kept in canonical form: sorted, compact, nothing to merge', () => {
      const { data, notes } = profileDataFromWire(entry(name).data);
      expect(notes).toEqual([]);
      expect(entry(name).data).toEqual(profileDataToWire(data));
    });

    it('has a name that fits, and says what it is and where its values come from', () => {
      const { description, source, year } = entry(name);
      expect(nameProblem(name)).toBeUndefined();
      expect(description).toMatch(/^\S.{8,70}$/);
      expect(source).toMatch(/[0-9a-f]{40}.*[0-9a-f]{40}.*Apache-2\.0|^QEMU 1\d\.\d|^x86-64 psABI/);
      expect(year).toBeGreaterThan(2005);
    });

    it('has the digest under which it was published', () => {
      const { data } = profileDataFromWire(entry(name).data);
      expect(profileDigest({ vendor: entry(name).vendor, data, filter: 'closed' })).toBe(DIGESTS[name]);
    });

    it('requires every feature MSR that it adjusts', () => {
      const { data } = profileDataFromWire(entry(name).data);
      expect(data.requiredMsrs).toEqual(expect.arrayContaining(data.featureMsrs.map(({ index }) => index)));
    });
  });
});

describe.each(catalogNames())('%s and the tables', (name) => {
  const { vendor, data: wire } = entry(name);
  const { data } = profileDataFromWire(wire);
  const definitions = definitionsFor(vendor);

  it('has a row for every register and feature MSR it adjusts', () => {
    for (const { leaf, subleaf, lastSubleaf, register } of data.cpuid) {
      expect(findCpuid(definitions, leaf, subleaf, register), `${leaf}.${subleaf}:${register}`).toBeDefined();
      expect(
        findCpuid(definitions, leaf, lastSubleaf, register),
        `${leaf}.${lastSubleaf}:${register}`,
      ).toBeDefined();
    }
    for (const { index } of data.featureMsrs) expect(findFeatureMsr(definitions, index)?.use).toBe('adjust');
  });

  it('requires only what a guest may reach', () => {
    for (const index of data.requiredMsrs) {
      const use = findFeatureMsr(definitions, index)?.use;
      const reachable = use === 'adjust' || use === 'required' || isHyperV(definitions, index);
      expect(reachable || permittedRow(definitions, index) !== undefined, index.toString(16)).toBe(true);
    }
  });
});

// The published files, where they are at hand.
const published = new URL('../../../shared/facts/profiles/', import.meta.url);

const hex = z.string().regex(/^0x[0-9a-f]+$/);
const change = z.strictObject({ replacements: hex, mask: hex });
const cpuidFile = z.strictObject({
  adjustments: z.array(
    z.tuple([
      z.strictObject({
        leaf: hex,
        sub_leaf: z.strictObject({ start: hex, end: hex }),
        register: z.enum(['EAX', 'EBX', 'ECX', 'EDX']),
      }),
      change,
    ]),
  ),
});
const msrFile = z.strictObject({
  adjustments: z.array(z.tuple([hex, change])),
  required_msrs: z.array(hex),
});
const read = <T>(schema: z.ZodType<T>, file: string): T =>
  schema.parse(JSON.parse(readFileSync(new URL(file, published), 'utf8')));

describe.skipIf(!existsSync(published))(
  'the catalogue against the published files (../shared/facts/profiles)',
  () => {
    it.each(PUBLISHED)('%s: every CPUID adjustment, value for value', (name) => {
      const theirs = read(cpuidFile, `${name}.cpuid.json`).adjustments.map(
        ([{ leaf, sub_leaf, register }, { mask, replacements }]) =>
          `${leaf}.${sub_leaf.start}-${sub_leaf.end}:${register.toLowerCase()} ${mask} ${replacements}`,
      );
      const ours = entry(name).data.cpuid.map(
        ({ leaf, subleaf, lastSubleaf, register, mask, value }) =>
          `${leaf}.${subleaf}-${lastSubleaf ?? subleaf}:${register} ${mask} ${value}`,
      );
      expect(ours.length).toBeGreaterThan(200);
      expect(new Set(ours)).toEqual(new Set(theirs));
      expect(ours).toHaveLength(new Set(theirs).size);
    });

    it.each(PUBLISHED)('%s: every MSR adjustment and required MSR', (name) => {
      const theirs = read(msrFile, `${name}.msr.json`);
      const { featureMsrs, requiredMsrs } = entry(name).data;
      expect(featureMsrs).toEqual(
        theirs.adjustments.map(([index, { mask, replacements }]) => ({ index, mask, value: replacements })),
      );
      expect(requiredMsrs).toEqual(theirs.required_msrs);
    });
  },
);
