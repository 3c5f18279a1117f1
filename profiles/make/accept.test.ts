import { describe, expect, test } from 'vitest';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { FILTER_MODES, type ProfileDataWire } from '../model/profile.ts';
import { lint } from '../verdict/lint.ts';
import { accept } from './accept.ts';
import { resolve } from './resolve.ts';

const entry = (leaf: number): ProfileDataWire['cpuid'][number] => ({
  leaf: `0x${leaf.toString(16)}`,
  subleaf: '0x0',
  register: 'eax',
  mask: '0x0',
  value: '0x0',
});

describe('accept', () => {
  test.each(catalogNames())('the shipped profile %s', (name) => {
    const acceptance = accept(name, { vendor: catalogEntry(name)?.vendor ?? 'intel', catalog: name });
    expect(acceptance).toMatchObject({ accepted: true });
  });

  test.each([
    ['InvalidName', 'n'.repeat(42), { vendor: 'intel', catalog: 'skylake' }, /42 characters; at most 41/],
    ['InvalidName', 'Pool.A', { vendor: 'intel', catalog: 'skylake' }, /DNS label/],
    [
      'TooLarge',
      'a',
      { vendor: 'intel', data: { cpuid: Array.from({ length: 1025 }, (_, i) => entry(i)) } },
      /data\.cpuid has 1025 entries; at most 1024/,
    ],
    [
      'TooLarge',
      'a',
      { vendor: 'intel', data: { cpuid: Array.from({ length: 100_000 }, (_, i) => entry(i)) } },
      /100000 entries/,
    ],
    [
      'TooLarge',
      'a',
      {
        vendor: 'intel',
        data: { cpuid: [], requiredMsrs: Array.from({ length: 2049 }, (_, i) => `0x${i.toString(16)}`) },
      },
      /data\.requiredMsrs has 2049/,
    ],
    ['UnknownCatalogEntry', 'a', { vendor: 'intel', catalog: 'b' }, /"b"/],
    ['LintFailed', 'a', { vendor: 'intel', data: { cpuid: [] } }, /VendorStringDiffers/],
  ] as const)('%s', (reason, name, spec, message) => {
    const acceptance = accept(name, spec as unknown as Parameters<typeof accept>[1]);
    expect(acceptance).toMatchObject({ accepted: false, reason });
    if (!acceptance.accepted) expect(acceptance.message).toMatch(message);
  });

  test('a filter that KVM cannot take has a reason of its own, and another mode none', () => {
    const skylake = catalogEntry('skylake');
    if (skylake === undefined) throw new Error('no skylake');
    const far = Array.from({ length: 20 }, (_, i) => `0x${i + 1}0000`);
    const data = { ...skylake.data, requiredMsrs: [...(skylake.data.requiredMsrs ?? []), ...far] };
    expect(accept('a', { vendor: 'intel', data })).toMatchObject({
      accepted: false,
      reason: 'FilterTooLarge',
      message: expect.stringMatching(/^The closed MSR filter does not fit into 16 ranges/) as unknown,
    });
    expect(accept('a', { vendor: 'intel', data, filter: { mode: 'none' } })).toMatchObject({
      accepted: true,
    });
  });

  test('a lint failure carries every finding', () => {
    const acceptance = accept('a', { vendor: 'intel', data: { cpuid: [entry(1)], requiredMsrs: ['0x1d9'] } });
    if (acceptance.accepted) throw new Error('accepted');
    expect(
      acceptance.findings.filter(({ severity }) => severity === 'error').map(({ code }) => code),
    ).toEqual(['VendorStringDiffers', 'RequiredMsrForbidden']);
    expect(acceptance.message).toMatch(/\(and 1 more\)$/);
  });

  test('merged repeats are told', () => {
    const skylake = catalogEntry('skylake');
    if (skylake === undefined) throw new Error('no skylake');
    const cpuid = [...skylake.data.cpuid, ...skylake.data.cpuid.slice(0, 1)];
    const acceptance = accept('a', { vendor: 'intel', data: { ...skylake.data, cpuid } });
    if (!acceptance.accepted) throw new Error(acceptance.message);
    expect(acceptance.notes).toContainEqual(
      expect.objectContaining({ code: 'RepeatMerged', severity: 'note' }),
    );
  });
});

test.each(catalogNames())(
  '%s, as it is shipped, is without lint errors under every filter mode: accept relies on it',
  (catalog) => {
    const vendor = catalogEntry(catalog)?.vendor ?? 'intel';
    for (const mode of FILTER_MODES) {
      const resolution = resolve({ vendor, catalog, filter: { mode } });
      const errors = resolution.ok
        ? lint(resolution.profile).filter(({ severity }) => severity === 'error')
        : [];
      expect([resolution.ok, errors]).toEqual([true, []]);
    }
  },
);
