import { describe, expect, test } from 'vitest';
import { profileDataToWire, type ProfileDataWire } from '../model/profile.ts';
import { resolve } from './resolve.ts';

const DATA: ProfileDataWire = {
  cpuid: [{ leaf: '0x7', subleaf: '0x0', register: 'ebx', mask: '0x0', value: '0x20' }],
};

describe('resolve', () => {
  test('a catalogue profile comes as it is published, the filter closed', () => {
    const resolved = resolve({ vendor: 'intel', catalog: 'skylake' });
    if (!resolved.ok) throw new Error(resolved.message);
    expect(resolved.profile.filter).toBe('closed');
    expect(resolved.profile.data.featureMsrs.find(({ index }) => index === 0x10a)).toEqual({
      index: 0x10a,
      mask: 0x4000_0000_0000_0000n,
      value: 0xc00_004cn,
    });
    expect(resolved.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
  test('the digest covers options and filter, not the way the profile came', () => {
    const digest = (spec: Parameters<typeof resolve>[0]): string => {
      const resolved = resolve(spec);
      return resolved.ok ? resolved.digest : resolved.reason;
    };
    const plain = digest({ vendor: 'intel', catalog: 'skylake' });
    const resolved = resolve({ vendor: 'intel', catalog: 'skylake' });
    if (!resolved.ok) throw new Error(resolved.message);
    expect(digest({ vendor: 'intel', data: profileDataToWire(resolved.profile.data) })).toBe(plain);
    expect(digest({ vendor: 'intel', catalog: 'skylake', options: { amx: false } })).toBe(plain);
    expect(digest({ vendor: 'intel', catalog: 'skylake', filter: { mode: 'none' } })).not.toBe(plain);
    expect(digest({ vendor: 'intel', catalog: 'skylake', options: { nested: false } })).not.toBe(plain);
  });
  test('a merged repeat is a note', () => {
    const resolved = resolve({ vendor: 'intel', data: { cpuid: [...DATA.cpuid, ...DATA.cpuid] } });
    expect(resolved).toMatchObject({ ok: true, notes: [expect.stringMatching(/0x7.*twice/)] });
  });

  test.each([
    ['UnknownCatalogEntry', { vendor: 'intel', catalog: 'pentium' }, /"pentium".*such as skylake/],
    ['VendorDiffers', { vendor: 'amd', catalog: 'skylake' }, /skylake.*intel/],
    ['InvalidData', { vendor: 'intel', catalog: 'skylake', data: DATA }, /exactly one/],
    ['InvalidData', { vendor: 'intel' }, /exactly one/],
    [
      'InvalidData',
      {
        vendor: 'intel',
        data: { cpuid: [{ leaf: '0x7', subleaf: '0x0', register: 'ebx', mask: '0x3', value: '0x2' }] },
      },
      /data\.cpuid\[0\].*overlap/,
    ],
    [
      'InvalidData',
      {
        vendor: 'intel',
        data: { cpuid: [], featureMsrs: [{ index: '0x10a', mask: '0x0', value: '0x1ffffffffffffffff' }] },
      },
      /featureMsrs\[0\]\.value.*64-bit/,
    ],
    ['OptionNotInProfile', { vendor: 'intel', catalog: 'skylake', options: { amx: true } }, /options\.amx/],
    ['OptionNotInProfile', { vendor: 'intel', data: DATA, options: { nested: true } }, /options\.nested/],
    ['OptionNotInProfile', { vendor: 'intel', data: DATA, options: { hyperv: true } }, /options\.hyperv/],
  ] as const)('%s: %o', (reason, spec, message) => {
    const resolved = resolve(spec as Parameters<typeof resolve>[0]);
    expect(resolved).toMatchObject({ ok: false, reason });
    if (!resolved.ok) expect(resolved.message).toMatch(message);
  });
});
