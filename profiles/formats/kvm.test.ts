import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { type Profile, profileDataFromWire } from '../model/profile.ts';
import { compileFilter } from '../msr-filter/compile.ts';
import { permittedMsrs } from '../msr-filter/permitted.ts';
import { kvmFile, renderKvm } from './kvm.ts';
import { savedMsrs } from './saved-msrs.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const textOf = (profile: Profile): string =>
  renderKvm(profile, DIGEST, compileFilter(profile)).files['kvm.json'] ?? '';
const catalogProfile = (name: string): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter: 'closed' };
};

describe('kvm.json', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        expect(kvmFile(textOf(profile))).toEqual({
          digest: DIGEST,
          vendor: profile.vendor,
          data: profile.data,
          saved: savedMsrs(profile),
          filter: compileFilter(profile),
        });
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  it('puts the registers of a leaf together, with the flags of the entry', () => {
    const data = {
      cpuid: [
        { leaf: 0x1, subleaf: 0, lastSubleaf: 0, register: 'ecx', mask: 0, value: 1 },
        { leaf: 0x7, subleaf: 0, lastSubleaf: 0, register: 'ebx', mask: 2, value: 1 },
        { leaf: 0x7, subleaf: 0, lastSubleaf: 0, register: 'edx', mask: 0, value: 4 },
        { leaf: 0x8000_0026, subleaf: 1, lastSubleaf: 3, register: 'eax', mask: 0, value: 0 },
      ],
      featureMsrs: [],
      requiredMsrs: [],
    } as const;
    const file = JSON.parse(textOf({ vendor: 'amd', data, filter: 'none' })) as { cpuid: unknown };
    expect(file.cpuid).toEqual([
      { leaf: '0x1', subleaf: '0x0', flags: 0, ecx: { mask: '0x0', value: '0x1' } },
      {
        leaf: '0x7',
        subleaf: '0x0',
        flags: 1,
        ebx: { mask: '0x2', value: '0x1' },
        edx: { mask: '0x0', value: '0x4' },
      },
      {
        leaf: '0x80000026',
        subleaf: '0x1',
        lastSubleaf: '0x3',
        flags: 1,
        eax: { mask: '0x0', value: '0x0' },
      },
    ]);
  });
});

describe('savedMsrs', () => {
  it('says what each part of a shipped profile is', () => {
    for (const name of catalogNames()) {
      const profile = catalogProfile(name);
      const { always, whereReadable, whereListed } = savedMsrs(profile);
      expect(always).toEqual(profile.data.featureMsrs.map(({ index }) => index));
      // 20 variable and 11 fixed MTRRs, their default type, IA32_MCG_STATUS, 32 banks of four.
      expect(whereReadable).toHaveLength(20 + 11 + 1 + 1 + 128);
      expect(whereListed).toEqual(
        expect.arrayContaining([0x10, 0x1a0, 0x174, 0x277, 0xc000_0081, 0x4b56_4d00]),
      );
      // IA32_XSS, and the write-only command registers, which have no state.
      expect(whereListed.filter((index) => [0xda0, 0x49, 0x10b].includes(index))).toEqual([]);
    }
  });

  it('has the registers of the MTRRs and machine checks only if a closed filter lets a guest write them', () => {
    const nothing = { cpuid: [], featureMsrs: [], requiredMsrs: [] };
    const closed = savedMsrs({ vendor: 'intel', data: nothing, filter: 'closed' }).whereReadable;
    expect(closed.filter((index) => index === 0x250)).toEqual([]);
    expect(savedMsrs({ vendor: 'intel', data: nothing, filter: 'deny-known' }).whereReadable).toContain(
      0x250,
    );
  });

  it('lists no MSR twice, and leaves out nothing permitted that has state', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const { always, whereReadable, whereListed } = savedMsrs(profile);
        const all = [...always, ...whereReadable, ...whereListed];
        expect(new Set(all).size).toBe(all.length);
        const stateful = [...permittedMsrs(profile, definitionsFor(profile.vendor))]
          .filter(([index, access]) => access !== 'w' && index !== 0xda0)
          .map(([index]) => index);
        expect(stateful.filter((index) => !all.includes(index))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
