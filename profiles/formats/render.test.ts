import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { FORMATS as OF_THE_API } from '../../crds/fields.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import {
  type CpuidAdjustment,
  type Profile,
  profileDataFromWire,
  profileDigest,
  profileToWire,
} from '../model/profile.ts';
import { REGISTERS } from '../model/registers.ts';
import { compileFilter, FilterError } from '../msr-filter/compile.ts';
import { filterFromWire } from '../msr-filter/wire.ts';
import { FIDELITY_CODES } from './fidelity.ts';
import { FORMATS, rowsJson } from './format.ts';
import { MAX_FILES_BYTES, RenderError, renderFiles } from './render.ts';

const catalogProfile = (name: string, filter: Profile['filter'] = 'closed'): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter };
};
const render = (profile: Profile, formats?: Parameters<typeof renderFiles>[1]) =>
  renderFiles({ profile, digest: profileDigest(profile) }, formats);

const report = z.strictObject({
  profile: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  formats: z.partialRecord(
    z.enum(FORMATS),
    z.strictObject({
      consumers: z.array(
        z.strictObject({
          name: z.string().min(3),
          honours: z.strictObject({
            cpuid: z.boolean(),
            featureMsrs: z.boolean(),
            requiredMsrs: z.boolean(),
            filter: z.boolean(),
          }),
          source: z.string().min(10),
        }),
      ),
      findings: z.array(
        z.strictObject({
          code: z.enum(FIDELITY_CODES),
          severity: z.enum(['error', 'warning', 'note']),
          where: z.union([
            z.strictObject({ leaf: z.string(), subleaf: z.string(), register: z.enum(REGISTERS) }),
            z.strictObject({ msr: z.string() }),
            z.strictObject({}),
          ]),
          name: z.string(),
          message: z.string().min(10),
        }),
      ),
    }),
  ),
});

describe('rowsJson', () => {
  it('is the same JSON, a row a line', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(rowsJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(
      rowsJson({ rows: [{ leaf: '0x1', list: ['x'.repeat(60)] }, { leaf: 'x'.repeat(60) }], all: [1, 2] }),
    ).toBe(`{
  "rows": [
    {"leaf":"0x1","list":["${'x'.repeat(60)}"]},
    {"leaf":"${'x'.repeat(60)}"}
  ],
  "all": [1,2]
}
`);
  });
});

describe('renderFiles', () => {
  it('knows the formats of the API', () => {
    expect(FORMATS).toEqual(OF_THE_API);
  });

  it.each(catalogNames())('%s: all the keys of the ConfigMap', (name) => {
    const profile = catalogProfile(name);
    const files = render(profile);
    expect(Object.keys(files).sort()).toEqual([
      'cloud-hypervisor.cpuid.json',
      'cloud-hypervisor.msr.json',
      'fidelity.json',
      'firecracker.json',
      'kvm-msr-filter.json',
      'kvm.json',
      'libvirt.xml',
      'profile.json',
      'qemu.args',
    ]);
    // The digest can be checked with sha256sum.
    const sum = createHash('sha256')
      .update(files['profile.json'] ?? '')
      .digest('hex');
    expect(`sha256:${sum}`).toBe(profileDigest(profile));
    expect(JSON.parse(files['profile.json'] ?? '')).toEqual(profileToWire(profile));
    expect(filterFromWire(JSON.parse(files['kvm-msr-filter.json'] ?? ''))).toEqual(compileFilter(profile));
    const told = report.parse(JSON.parse(files['fidelity.json'] ?? ''));
    expect(told.profile).toBe(profileDigest(profile));
    expect(Object.keys(told.formats)).toEqual([...FORMATS]);
  });

  it('renders the formats asked for, in any order and number, and the common files always', () => {
    const common = ['fidelity.json', 'kvm-msr-filter.json', 'profile.json'];
    expect(Object.keys(render(catalogProfile('skylake', 'none'), [])).sort()).toEqual(common);
    const some = render(catalogProfile('skylake'), ['kvm', 'firecracker', 'kvm']);
    expect(Object.keys(some).sort()).toEqual([...common, 'firecracker.json', 'kvm.json'].sort());
    expect(some).toEqual(render(catalogProfile('skylake'), ['firecracker', 'kvm']));
  });

  it('has a file for every format, and no format without findings', () => {
    for (const format of FORMATS) {
      const files = render(catalogProfile('skylake'), [format]);
      expect(Object.keys(files).length, format).toBeGreaterThan(3);
      const { formats } = report.parse(JSON.parse(files['fidelity.json'] ?? ''));
      expect(formats[format]?.findings.length, format).toBeGreaterThan(0);
      expect(formats[format]?.consumers.length, format).toBeGreaterThan(0);
    }
  });

  it('gives the same bytes for the same profile, whatever order it was written in', () => {
    const entry = catalogEntry('sapphire-rapids');
    const wire = entry?.data ?? { cpuid: [] };
    const turned = {
      cpuid: [...wire.cpuid].reverse(),
      featureMsrs: [...(wire.featureMsrs ?? [])].reverse(),
      requiredMsrs: [...(wire.requiredMsrs ?? [])].reverse(),
    };
    const { data } = profileDataFromWire(turned);
    expect(render({ vendor: 'intel', data, filter: 'closed' })).toEqual(
      render(catalogProfile('sapphire-rapids')),
    );
  });

  it('renders any profile, with a report of known shape', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const files = render(profile);
        expect(report.parse(JSON.parse(files['fidelity.json'] ?? '')).formats).toHaveProperty('kvm');
        expect(render(profile)).toEqual(files);
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  // As many entries as the API takes, with long words.
  const full = (count: number): Profile => ({
    vendor: 'intel',
    data: {
      cpuid: Array.from({ length: count }, (_, i): CpuidAdjustment => ({
        leaf: 0x8000_1000 + (i >> 2),
        subleaf: 0,
        lastSubleaf: 0,
        register: REGISTERS[i % 4] ?? 'eax',
        mask: 0x7fff_ff00,
        value: 0x8000_00ff,
      })),
      featureMsrs: Array.from({ length: 256 }, (_, i) => ({
        index: 0xc000_3000 + i,
        mask: 0xffff_ffff_0000_0000n,
        value: 0xffff_ffffn,
      })),
      requiredMsrs: Array.from({ length: 2048 }, (_, i) => 0xc000_2400 + 2 * i),
    },
    filter: 'closed',
  });

  it('fits the largest profile the API takes into a ConfigMap', () => {
    const files = render(full(1024));
    const bytes = Object.entries(files).reduce((sum, [key, text]) => sum + Buffer.byteLength(key + text), 0);
    expect(bytes).toBeLessThan(MAX_FILES_BYTES);
  });

  it('refuses with the sizes what no ConfigMap holds', () => {
    expect(() => render(full(8192))).toThrow(RenderError);
    expect(() => render(full(8192))).toThrow(
      /take \d+ bytes and a ConfigMap holds less than 1048576: cloud-hypervisor\.cpuid\.json \d+/,
    );
  });

  it('refuses a profile whose filter KVM could not take', () => {
    const requiredMsrs = Array.from({ length: 17 }, (_, i) => 0x10_0000 + i * 0x10_0000);
    const profile: Profile = {
      vendor: 'amd',
      data: { cpuid: [], featureMsrs: [], requiredMsrs },
      filter: 'closed',
    };
    expect(() => render(profile)).toThrow(FilterError);
    expect(Object.keys(render({ ...profile, filter: 'none' }))).toContain('kvm-msr-filter.json');
  });
});
