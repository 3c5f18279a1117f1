import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { smallProfile, rendered } from '../../test/fuzz/seeds.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { profileDataToWire } from '../model/profile.ts';
import { importCloudHypervisor } from './cloud-hypervisor.ts';

const file = (name: string, text: string) => ({ name, text });
const small = rendered(smallProfile);
const cpuid = file('cpuid.json', small['cloud-hypervisor.cpuid.json'] ?? '');
const msr = file('msr.json', small['cloud-hypervisor.msr.json'] ?? '');
const profile = (...args: Parameters<typeof importCloudHypervisor>) => {
  const imported = importCloudHypervisor(...args);
  if (imported.kind !== 'profile') throw new Error(imported.kind);
  return imported;
};

describe('a pair of files', () => {
  it('comes back as the profile it was rendered from, in either order', () => {
    expect(profile([cpuid, msr])).toMatchObject({ vendor: 'intel', data: smallProfile.data });
    expect(profile([msr, cpuid])).toEqual(profile([cpuid, msr]));
  });

  it('in the older spelling is the same, and says what it lacks', () => {
    const padded = (text: string): string =>
      text.replaceAll(/"0x([0-9a-f]+)"/g, (_, digits: string) => `"0x${digits.padStart(8, '0')}"`);
    const older = [
      file('skylake.json', padded(cpuid.text).replace('{', '{"hypervisor":"Kvm","cpu_vendor":"Intel",')),
      file(
        'skylake.msr.json',
        padded(msr.text)
          .replace('{', '{"hypervisor_type":"Kvm","cpu_vendor":"Intel",')
          .replace('required_msrs', 'permitted_msrs'),
      ),
    ];
    const { vendor, data, notKnown } = profile(older);
    expect([vendor, data]).toEqual(['intel', smallProfile.data]);
    expect(notKnown.join('\n')).toContain('permitted_msrs, taken as required');
  });

  it('may be the CPUID file alone, as the first profiles were', () => {
    const { data, notKnown } = profile([cpuid]);
    expect(data).toEqual({ cpuid: smallProfile.data.cpuid, featureMsrs: [], requiredMsrs: [] });
    expect(notKnown.join('\n')).toContain('there was no MSR file');
  });

  test.each([
    ['only an MSR file', [msr], /^msr\.json: is an MSR file: the CPUID file of the profile is missing/],
    [
      'two CPUID files',
      [cpuid, { ...cpuid, name: 'other.json' }],
      /^other\.json: is a second CPUID file beside cpuid\.json/,
    ],
    ['three files', [cpuid, msr, msr], /^msr\.json: is one file too many/],
    [
      'both spellings',
      [cpuid, file('m', '{"adjustments":[],"required_msrs":[],"permitted_msrs":[]}')],
      /^m: has both/,
    ],
    [
      'another hypervisor',
      [file('c', cpuid.text.replace('{', '{"hypervisor":"Mshv",')), msr],
      /^c: is for the hypervisor "Mshv", not KVM/,
    ],
    [
      'another vendor',
      [file('c', cpuid.text.replace('{', '{"cpu_vendor":"AMD",')), msr],
      /is for intel, and not for amd/,
    ],
    [
      'a vendor from a prototype',
      [file('c', cpuid.text.replace('{', '{"cpu_vendor":"constructor",')), msr],
      /^c cpu_vendor: "constructor" is neither/,
    ],
    [
      'a number too large',
      [
        cpuid,
        file('m', '{"adjustments":[["0x100000000",{"replacements":"0x0","mask":"0x0"}]],"required_msrs":[]}'),
      ],
      /^m .*index: .*32-bit/,
    ],
    [
      'a mask over a value',
      [file('c', cpuid.text.replace('"0x9",\n        "mask": "0x0"', '"0x9",\n        "mask": "0x1"')), msr],
      /^c .*overlap/,
    ],
    ['an unknown field', [file('c', '{"adjustments":[],"extra":{}}')], /^c: has the unknown field "extra"/],
  ])('is refused with file and place: %s', (_, files, message) => {
    expect(() => importCloudHypervisor(files)).toThrow(message);
  });

  it('asks for the vendor where leaf 0 leaves it open', () => {
    const open = file('c', '{"adjustments":[]}');
    expect(() => importCloudHypervisor([open])).toThrow('c: does not say which vendor it is for');
    expect(profile([open], { vendor: 'amd' }).vendor).toBe('amd');
  });
});

const FACTS = new URL('../../../shared/facts/profiles/', import.meta.url);

describe.skipIf(!existsSync(FACTS))('published profiles (../shared/facts/profiles)', () => {
  const published = catalogNames().filter((name) => existsSync(new URL(`${name}.cpuid.json`, FACTS)));

  it('are the three of the catalogue', () => {
    expect(published.sort()).toEqual(['cascade-lake', 'sapphire-rapids', 'skylake']);
    for (const name of published) {
      const files = ['cpuid', 'msr'].map((part) =>
        file(`${name}.${part}.json`, readFileSync(new URL(`${name}.${part}.json`, FACTS), 'utf8')),
      );
      const { vendor, data } = profile(files);
      expect({ vendor, data: profileDataToWire(data) }).toEqual({
        vendor: catalogEntry(name)?.vendor,
        data: catalogEntry(name)?.data,
      });
    }
  });
});
