import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { type Profile, profileDataFromWire } from '../model/profile.ts';
import { cloudHypervisorData, renderCloudHypervisor } from './cloud-hypervisor.ts';

const published = new URL('../../../shared/facts/profiles/', import.meta.url);

const catalogProfile = (name: string): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter: 'closed' };
};
const filesOf = (profile: Profile): { cpuid: string; msr: string } => {
  const { files } = renderCloudHypervisor(profile);
  return { cpuid: files['cloud-hypervisor.cpuid.json'] ?? '', msr: files['cloud-hypervisor.msr.json'] ?? '' };
};
const keys = z.object({ adjustments: z.array(z.unknown()), required_msrs: z.array(z.string()).optional() });
/** Order and identical repeats aside. */
const asSet = (list: readonly unknown[]): string[] =>
  [...new Set(list.map((item) => JSON.stringify(item)))].sort();

const names = catalogNames().filter((name) => existsSync(new URL(`${name}.cpuid.json`, published)));

describe.skipIf(names.length === 0)('the published files (../shared/facts/profiles)', () => {
  it.each(names)('%s is rendered value for value', (name) => {
    for (const kind of ['cpuid', 'msr'] as const) {
      const theirs = keys.parse(JSON.parse(readFileSync(new URL(`${name}.${kind}.json`, published), 'utf8')));
      const ours = keys.parse(JSON.parse(filesOf(catalogProfile(name))[kind]));
      expect(theirs.adjustments.length).toBeGreaterThan(10);
      expect(asSet(ours.adjustments)).toEqual(asSet(theirs.adjustments));
      expect(asSet(ours.required_msrs ?? [])).toEqual(asSet(theirs.required_msrs ?? []));
    }
  });

  it.each(names)('%s is read from the published files', (name) => {
    const read = (kind: string) => readFileSync(new URL(`${name}.${kind}.json`, published), 'utf8');
    const { data, notes } = cloudHypervisorData({ cpuid: read('cpuid'), msr: read('msr') });
    expect(data).toEqual(catalogProfile(name).data);
    expect(notes).toEqual(['CPUID leaf 0x23 subleaf 0x4 EBX appears twice with the same values: merged']);
  });
});

describe('the Cloud Hypervisor files', () => {
  it('look as upstream writes them', () => {
    const profile: Profile = {
      vendor: 'intel',
      data: {
        cpuid: [
          { leaf: 0x7, subleaf: 1, lastSubleaf: 0xffff_ffff, register: 'ebx', mask: 0x40, value: 0xf1bf07ab },
        ],
        featureMsrs: [{ index: 0x10a, mask: 0x4000_0000_0000_0000n, value: 0xcn }],
        requiredMsrs: [0x10, 0x10a],
      },
      filter: 'none',
    };
    expect(filesOf(profile)).toEqual({
      cpuid: `{
  "adjustments": [
    [
      {
        "leaf": "0x7",
        "sub_leaf": {
          "start": "0x1",
          "end": "0xffffffff"
        },
        "register": "EBX"
      },
      {
        "replacements": "0xf1bf07ab",
        "mask": "0x40"
      }
    ]
  ]
}
`,
      msr: `{
  "adjustments": [
    [
      "0x10a",
      {
        "replacements": "0xc",
        "mask": "0x4000000000000000"
      }
    ]
  ],
  "required_msrs": [
    "0x10",
    "0x10a"
  ]
}
`,
    });
  });

  it('come back as they went', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        expect(cloudHypervisorData(filesOf(profile))).toEqual({ data: profile.data, notes: [] });
      }),
      { numRuns: 100 },
    );
  });

  const good = filesOf(catalogProfile('skylake'));
  it.each([
    ['no JSON', { ...good, cpuid: '{' }, /^cloud-hypervisor\.cpuid\.json: /],
    [
      'another shape',
      { ...good, msr: '{"adjustments": [["0x10"]]}' },
      /^cloud-hypervisor\.msr\.json\.adjustments\.0/,
    ],
    [
      'an unknown register',
      { ...good, cpuid: good.cpuid.replace('"EAX"', '"RAX"') },
      /adjustments\.0\.0\.register/,
    ],
    [
      'a number out of range',
      { ...good, cpuid: good.cpuid.replace('"0x16"', '"0x1ffffffff"') },
      /is not a 32-bit hex number/,
    ],
  ])('are refused with the place: %s', (_, files, message) => {
    expect(() => cloudHypervisorData(files)).toThrow(message);
  });

  it('tell what upstream does not apply and what it writes itself', () => {
    const { findings, consumers } = renderCloudHypervisor(catalogProfile('skylake'));
    expect(findings.filter(({ code }) => code === 'FilterNotApplied')).toHaveLength(1);
    expect(consumers.map(({ honours }) => honours.filter)).toEqual([false, true]);
    // TSC deadline and the hypervisor bit are the host's in this profile, so nothing is lost there.
    const rewritten = findings
      .filter(({ code }) => code === 'OverwrittenByConsumer')
      .map(({ where }) => where);
    expect(rewritten).toContainEqual({ leaf: '0x1', subleaf: '0x0', register: 'ebx' });
    expect(rewritten).not.toContainEqual({ leaf: '0x1', subleaf: '0x0', register: 'ecx' });
    const open = renderCloudHypervisor({ ...catalogProfile('skylake'), filter: 'none' }).findings;
    expect(open.filter(({ code }) => code === 'FilterNotApplied')).toEqual([]);
  });
});
