import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { type CpuidAdjustment, type Profile, profileDataFromWire } from '../model/profile.ts';
import { firecrackerAdjustments, renderFirecracker } from './firecracker.ts';

const row = (change: Partial<CpuidAdjustment>): CpuidAdjustment => ({
  leaf: 0x1,
  subleaf: 0,
  lastSubleaf: change.subleaf ?? 0,
  register: 'eax',
  mask: 0,
  value: 0,
  ...change,
});
const profileWith = (cpuid: CpuidAdjustment[], rest: Partial<Profile['data']> = {}): Profile => ({
  vendor: 'intel',
  data: { cpuid, featureMsrs: [], requiredMsrs: [], ...rest },
  filter: 'closed',
});
const textOf = (profile: Profile): string => renderFirecracker(profile).files['firecracker.json'] ?? '';
const lost = (profile: Profile, code: string) =>
  renderFirecracker(profile).findings.filter((finding) => finding.code === code);

const catalogProfile = (name: string): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter: 'closed' };
};

describe('firecracker.json', () => {
  it('is a custom CPU template, byte for byte', () => {
    const profile = profileWith(
      [
        row({ leaf: 0x7, register: 'ebx', mask: 0x2040, value: 0x8000_0009 }),
        row({ leaf: 0x7, register: 'ecx', mask: 0xffff_ffff }),
      ],
      { featureMsrs: [{ index: 0x10a, mask: 1n << 62n, value: 5n }] },
    );
    const zeros = '0b00000000000000000000000000000000';
    expect(JSON.parse(textOf(profile))).toEqual({
      kvm_capabilities: [],
      cpuid_modifiers: [
        {
          leaf: '0x7',
          subleaf: '0x0',
          flags: 1,
          modifiers: [
            { register: 'eax', bitmap: zeros },
            { register: 'ebx', bitmap: '0b100000000000000000x000000x001001' },
            { register: 'ecx', bitmap: '0bxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' },
            { register: 'edx', bitmap: zeros },
          ],
        },
      ],
      msr_modifiers: [
        { addr: '0x10a', bitmap: '0b0x00000000000000000000000000000000000000000000000000000000000101' },
      ],
    });
  });

  it('marks the leaves with subleaves, and no others', () => {
    const flags = (leaf: number) => {
      const text = textOf(profileWith([row({ leaf, value: 1 })]));
      return z.object({ cpuid_modifiers: z.array(z.object({ flags: z.number() })) }).parse(JSON.parse(text))
        .cpuid_modifiers[0]?.flags;
    };
    const indexed = [
      0x4, 0x7, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1d, 0x1e, 0x1f, 0x23, 0x24, 0x8000001d,
    ];
    expect(indexed.map(flags)).toEqual(indexed.map(() => 1));
    const plain = [0x0, 0x1, 0x2, 0x5, 0x6, 0xa, 0x15, 0x16, 0x40000001, 0x80000001, 0x80000008, 0x80000021];
    expect(plain.map(flags)).toEqual(plain.map(() => 0));
  });

  it('names no leaf without a bit fixed to 1: a host may lack it', () => {
    const profile = profileWith([
      row({ leaf: 0x14, register: 'ebx' }),
      row({ leaf: 0x15, register: 'ecx', mask: 0xffff_ffff }),
      row({ leaf: 0xd, subleaf: 2, lastSubleaf: 9, value: 0x40 }),
    ]);
    expect(firecrackerAdjustments(textOf(profile)).cpuid).toEqual([]);
    expect(lost(profile, 'CpuidZeroNotExpressible').map(({ where }) => where)).toEqual([
      { leaf: '0x14', subleaf: '0x0', register: 'ebx' },
    ]);
    expect(lost(profile, 'CpuidRangeNotExpressible').map(({ where, message }) => [where, message])).toEqual([
      [{ leaf: '0xd', subleaf: '0x2', register: 'eax' }, expect.stringContaining('0x2 to 0x9')],
    ]);
  });

  it('takes a register of a named subleaf from the range that covers it', () => {
    const profile = profileWith([
      row({ leaf: 0xd, subleaf: 2, lastSubleaf: 2, register: 'eax', value: 0x100 }),
      row({ leaf: 0xd, subleaf: 0, lastSubleaf: 9, register: 'ebx', mask: 0xff }),
    ]);
    expect(firecrackerAdjustments(textOf(profile)).cpuid).toContainEqual(
      row({ leaf: 0xd, subleaf: 2, lastSubleaf: 2, register: 'ebx', mask: 0xff }),
    );
  });

  it('comes back as the expressible part of the profile', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const { cpuid, featureMsrs } = firecrackerAdjustments(textOf(profile));
        expect(featureMsrs).toEqual(profile.data.featureMsrs);
        const covering = ({ leaf, subleaf, register }: CpuidAdjustment) =>
          profile.data.cpuid.find(
            (entry) =>
              entry.leaf === leaf &&
              entry.register === register &&
              entry.subleaf <= subleaf &&
              subleaf <= entry.lastSubleaf,
          );
        for (const entry of cpuid) {
          expect([entry.mask, entry.value]).toEqual([
            covering(entry)?.mask ?? 0,
            covering(entry)?.value ?? 0,
          ]);
        }
        // Every single row with a bit fixed to 1 is in it.
        const named = new Set(cpuid.map(({ leaf, subleaf, register }) => `${leaf}.${subleaf}.${register}`));
        const single = profile.data.cpuid.filter(
          ({ subleaf, lastSubleaf, value }) => subleaf === lastSubleaf && value !== 0,
        );
        expect(
          single.filter(({ leaf, subleaf, register }) => !named.has(`${leaf}.${subleaf}.${register}`)),
        ).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it.each(catalogNames())('%s: every row that fixes bits is in the template or in the report', (name) => {
    const profile = catalogProfile(name);
    const { findings } = renderFirecracker(profile);
    const at = (leaf: string, subleaf: string, register: string) => `${leaf}.${subleaf}.${register}`;
    const told = new Set(
      findings.flatMap(({ where }) =>
        'leaf' in where && typeof where.leaf === 'string'
          ? [at(where.leaf, where.subleaf, where.register)]
          : [],
      ),
    );
    const written = new Set(
      firecrackerAdjustments(textOf(profile)).cpuid.map(({ leaf, subleaf, register }) =>
        at(`0x${leaf.toString(16)}`, `0x${subleaf.toString(16)}`, register),
      ),
    );
    const untold = profile.data.cpuid.filter(({ leaf, subleaf, lastSubleaf, register, mask }) => {
      const key = at(`0x${leaf.toString(16)}`, `0x${subleaf.toString(16)}`, register);
      // Firecracker zeroes leaf 0xa and builds 0xb, 0x1f and AMD's cache and topology leaves from zeros: the reserved bits
      // there are as the profile has them.
      const asFixed = [0xa, 0xb, 0x1f, 0x8000_0006, 0x8000_001d, 0x8000_001e].includes(leaf);
      return (
        mask !== 0xffff_ffff && !asFixed && !told.has(key) && !(subleaf === lastSubleaf && written.has(key))
      );
    });
    expect(untold).toEqual([]);
    expect(findings.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['UnlistedLeavesKept', 'RequiredMsrsNotExpressible', 'FilterNotApplied']),
    );
  });

  it('tells which fixed bits Firecracker overwrites, and by what', () => {
    const kept = profileWith([
      row({ leaf: 0x7, register: 'ebx', value: 0x2041 }),
      row({ leaf: 0x1, register: 'ecx', mask: 0x8100_8000 }),
    ]);
    expect(lost(kept, 'OverwrittenByConsumer')).toEqual([]);
    const changed = profileWith([row({ leaf: 0x7, register: 'ebx', value: 0x1 })]);
    expect(lost(changed, 'OverwrittenByConsumer').map(({ severity, name }) => [severity, name])).toEqual([
      ['warning', 'fdp_excptn_only'],
      ['warning', 'zero_fcs_fds'],
    ]);
  });

  it.each([
    [
      'a bitmap without 0b',
      '{"msr_modifiers":[{"addr":"0x10","bitmap":"1"}]}',
      /msr_modifiers\.0\.bitmap: "1" is not 0b/,
    ],
    ['a bitmap too long', `{"msr_modifiers":[{"addr":"0x10","bitmap":"0b${'0'.repeat(65)}"}]}`, /at most 64/],
    ['another character', '{"msr_modifiers":[{"addr":"0x10","bitmap":"0b12"}]}', /0, 1 and x/],
    [
      'an address that is not hex',
      '{"msr_modifiers":[{"addr":"16","bitmap":"0b1"}]}',
      /featureMsrs\[0\]\.index/,
    ],
    ['no JSON', 'template', /^firecracker\.json: /],
  ])('is refused with the place: %s', (_, text, message) => {
    expect(() => firecrackerAdjustments(text)).toThrow(message);
  });

  it("reads separators, and takes missing upper bits as the host's", () => {
    const { featureMsrs } = firecrackerAdjustments('{"msr_modifiers":[{"addr":"0x10","bitmap":"0b1x_01"}]}');
    expect(featureMsrs).toEqual([{ index: 0x10, mask: 0xffff_ffff_ffff_fff4n, value: 9n }]);
  });
});
