import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { fingerprint } from '../../test/fuzz/seeds.ts';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import { renderFirecracker } from '../formats/firecracker.ts';
import { InputError } from '../model/input-error.ts';
import { profileDataFromWire, type Profile } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { importFirecracker } from './firecracker.ts';

const read = (json: unknown, vendor?: 'intel' | 'amd') =>
  importFirecracker([{ name: 'file', text: typeof json === 'string' ? json : JSON.stringify(json) }], {
    vendor,
  });
const profile = (json: unknown, vendor?: 'intel' | 'amd') => {
  const imported = read(json, vendor);
  if (imported.kind !== 'profile') throw new Error(imported.kind);
  return imported;
};
const templateOf = (made: Profile): string => renderFirecracker(made).files['firecracker.json'] ?? '';

describe('a fingerprint', () => {
  const guests = recordedHosts().filter(({ snapshot }) => snapshot.source === 'guest');

  test.each(guests.map((guest) => [guest.file, guest.snapshot] as const))(
    'of %s becomes its snapshot',
    (_, snapshot) => {
      const imported = read(
        fingerprint(snapshot.cpuid, [...(snapshot.featureMsrs ?? []), { index: 0x8b, value: 1n << 32n }]),
      );
      expect(imported).toMatchObject({
        kind: 'snapshot',
        snapshot: {
          vendor: snapshot.vendor,
          source: 'guest',
          partial: true,
          cpuid: snapshot.cpuid,
          featureMsrs: snapshot.featureMsrs,
          msrIndices: undefined,
        },
      });
      expect(imported.notKnown.join('\n')).toMatch(/feature MSRs but 0x10a[^]*KVM's list of MSRs/);
    },
  );

  it('without 0x10a knows no feature MSR: absent, not empty', () => {
    const imported = read(fingerprint(guests[0]?.snapshot.cpuid ?? [], []));
    expect(imported).toMatchObject({ snapshot: { featureMsrs: undefined } });
  });

  const leaf0 = [{ leaf: 0, subleaf: 0, eax: 1, ebx: 0x756e_6547, ecx: 0x6c65_746e, edx: 0x4965_6e69 }];
  const text = JSON.stringify(fingerprint(leaf0, []));
  test.each([
    [
      'an open bit',
      text.replace(/"bitmap":"0b0/, '"bitmap":"0bx'),
      /^file guest_cpu_config cpuid_modifiers\[0\]\.modifiers\[0\]\.bitmap: leaves bits open/,
    ],
    [
      'a missing register',
      text.replace(/,\{"register":"edx"[^}]*\}/, ''),
      /^file: leaf 0x0 subleaf 0x0 is without edx/,
    ],
    ['an unknown field', text.replace('"bios_revision"', '"bios"'), /^file/],
    [
      'a register twice',
      text.replace('"register":"ebx"', '"register":"eax"'),
      /bitmap: is for the same as file guest_cpu_config cpuid_modifiers\[0\]\.modifiers\[0\]/,
    ],
    ['aarch64', '{"guest_cpu_config":{"reg_modifiers":[]}}', /is for aarch64/],
  ])('is refused with the place: %s', (_, json, message) => {
    expect(() => read(json)).toThrow(message);
  });
});

describe('a custom CPU template', () => {
  const t2cl = {
    cpuid_modifiers: [
      {
        leaf: '0x7',
        subleaf: '0x0',
        flags: 1,
        modifiers: [{ register: 'ebx', bitmap: '0b00000000000000000010000001x01001' }],
      },
      { leaf: '1', subleaf: '0b0', modifiers: [{ register: 'ecx', bitmap: `0b${'x'.repeat(31)}1` }] },
    ],
    msr_modifiers: [
      { addr: '0x10a', bitmap: `0b${'0'.repeat(32)}_${'x'.repeat(32)}` },
      { addr: '0x1a0', bitmap: `0b${'x'.repeat(64)}` },
    ],
  };

  it('fixes what it names and passes everything else through', () => {
    const { vendor, data, notKnown } = profile(t2cl, 'intel');
    expect(vendor).toBe('intel');
    const at = (leaf: number, subleaf: number, register: 'eax' | 'ebx' | 'ecx' | 'edx') => {
      const row = adjustmentAt(data, leaf, subleaf, register);
      return row && [row.mask, row.value];
    };
    expect(at(0x7, 0, 'ebx')).toEqual([0x20, 0x2049]);
    expect(at(0x7, 0, 'eax')).toEqual([0xffff_ffff, 0]);
    expect(at(0x7, 1, 'eax')).toEqual([0xffff_ffff, 0]);
    expect(at(0x1, 0, 'ecx')).toEqual([0xffff_fffe, 1]);
    // Every register of the tables is there: in a profile what is not listed is 0.
    for (const { leaf, firstSubleaf, lastSubleaf, register } of definitionsFor('intel').cpuid) {
      expect(at(leaf, firstSubleaf, register)).toBeDefined();
      expect(at(leaf, lastSubleaf, register)).toBeDefined();
    }
    expect(data.featureMsrs).toEqual([{ index: 0x10a, mask: 0xffff_ffffn, value: 0n }]);
    expect(data.requiredMsrs).toEqual([]);
    expect(notKnown.join('\n')).toContain('the MSRs 0x1a0 that the template sets');
  });

  test.each(catalogNames())('of the catalogue profile %s comes back byte for byte', (name) => {
    const entry = catalogEntry(name);
    if (entry === undefined) throw new Error(name);
    const template = templateOf({
      vendor: entry.vendor,
      data: profileDataFromWire(entry.data).data,
      filter: 'none',
    });
    const { vendor, data } = profile(template, entry.vendor);
    expect(templateOf({ vendor, data, filter: 'none' })).toBe(template);
  });

  it('of any profile comes back with everything a template can say', () => {
    fc.assert(
      fc.property(anyProfile, (any) => {
        const known = any.data.featureMsrs.filter(
          ({ index }) => findFeatureMsr(definitionsFor(any.vendor), index) !== undefined,
        );
        // Leaf 0 of a random profile names no vendor.
        const cpuid = any.data.cpuid.filter(({ leaf }) => leaf !== 0);
        const made = { ...any, data: { ...any.data, cpuid, featureMsrs: known } };
        const { data } = profile(templateOf(made), any.vendor);
        expect(data.featureMsrs).toEqual(known);
        for (const row of cpuid.filter(
          ({ value, subleaf, lastSubleaf }) => value !== 0 && subleaf === lastSubleaf,
        ))
          expect(adjustmentAt(data, row.leaf, row.subleaf, row.register)).toMatchObject({
            mask: row.mask,
            value: row.value,
          });
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    ['no vendor', t2cl, /^file: does not say which vendor it is for: name the vendor/],
    ['no JSON', 'template', /^file: is not JSON/],
    ['a list', [], /^file: /],
    ['an unknown field', { ...t2cl, extra: 1 }, /^file: has the unknown field "extra"/],
    [
      'a number that is none',
      { cpuid_modifiers: [{ leaf: '7h', subleaf: '0', modifiers: [] }] },
      /^file cpuid_modifiers\[0\]\.leaf: "7h" is not a 32-bit number/,
    ],
    [
      'a leaf too large',
      { cpuid_modifiers: [{ leaf: '0x100000000', subleaf: '0', modifiers: [] }] },
      /32-bit/,
    ],
    [
      'a bitmap too long',
      { msr_modifiers: [{ addr: '0x10', bitmap: `0b${'0'.repeat(65)}` }] },
      /^file msr_modifiers\[0\]\.bitmap: .* at most 64/,
    ],
    [
      'an MSR twice',
      { msr_modifiers: [t2cl.msr_modifiers[0], t2cl.msr_modifiers[0]] },
      /is for the same as file msr_modifiers\[0\]/,
    ],
  ])('is refused with the place: %s', (_, json, message) => {
    expect(() => read(json)).toThrow(message);
    expect(() => read(json)).toThrow(InputError);
  });
});
