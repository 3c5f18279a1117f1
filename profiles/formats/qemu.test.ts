import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { CPU_MODELS, cpuModel } from '../definitions/models/models.ts';
import { QEMU_FROM_TOPOLOGY } from '../definitions/models/qemu-defaults.ts';
import { BIT_NAMES, bitsOfQemuName } from '../definitions/names/names.ts';
import type { BitName } from '../definitions/names/types.ts';
import { importQemu } from '../import/qemu.ts';
import { brandAdjustments } from '../make/brand.ts';
import { toHex } from '../model/numbers.ts';
import {
  type CpuidAdjustment,
  type Profile,
  type ProfileData,
  profileDataFromWire,
} from '../model/profile.ts';
import { REGISTERS, VENDORS, type Vendor } from '../model/registers.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { wishOf } from './named-features.ts';
import { renderQemu } from './qemu.ts';

const row = (
  leaf: number,
  register: CpuidAdjustment['register'],
  value: number,
  change: Partial<CpuidAdjustment> = {},
): CpuidAdjustment => ({
  leaf,
  subleaf: 0,
  lastSubleaf: change.subleaf ?? 0,
  register,
  mask: 0,
  value,
  ...change,
});
const profileOf = (vendor: Vendor, data: Partial<ProfileData>): Profile => ({
  vendor,
  data: { cpuid: [], featureMsrs: [], requiredMsrs: [], ...data },
  filter: 'none',
});
const wordsOf = (profile: Profile): string[] =>
  (renderQemu(profile).files['qemu.args'] ?? '').trim().split(',');
const parsed = (profile: Profile): ProfileData => {
  const imported = importQemu([{ name: 'qemu.args', text: renderQemu(profile).files['qemu.args'] ?? '' }]);
  if (imported.kind !== 'profile') throw new Error('not a profile');
  return imported.data;
};
const catalogProfile = (name: string): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter: 'closed' };
};

const isOld = ({ qemuSince }: BitName): boolean => qemuSince === '7.2';
const placeText = ({ place }: BitName): string =>
  'msr' in place ? toHex(place.msr) : `${toHex(place.leaf)} ${place.register}`;
/** Leaves and MSRs that a report has a word about: by their place, or in a list of several. */
function reported(profile: Profile): (row: BitName) => boolean {
  const { findings } = renderQemu(profile);
  const leaves = new Set(findings.flatMap(({ where }) => ('leaf' in where ? [Number(where.leaf)] : [])));
  const msrs = new Set(findings.flatMap(({ where }) => ('msr' in where ? [Number(where.msr)] : [])));
  const ranges = findings
    .flatMap(({ message }) => /of leaves ([0-9a-fx, -]+):/.exec(message)?.[1]?.split(', ') ?? [])
    .map((range) => range.split('-').map(Number));
  const listed = findings.map(({ message }) => /sets none of these.*/.exec(message)?.[0] ?? '').join();
  return ({ place }) => {
    if ('msr' in place) return msrs.has(place.msr) || listed.includes(`${toHex(place.msr)} `);
    const inRange = ranges.some(([from = 0, to = from]) => from <= place.leaf && place.leaf <= to);
    return leaves.has(place.leaf) || inRange;
  };
}

/** Every bit that has a name comes back as it was, or the report speaks of its register. */
function expectSameNames(profile: Profile, rows: readonly BitName[] = BIT_NAMES): void {
  const back = parsed(profile);
  const spokenOf = reported(profile);
  const nested = bitsOfQemuName('vmx').some((vmx) => wishOf(back, vmx) === 'on');
  const different = rows.filter((name) => {
    const wish = wishOf(profile.data, name);
    const inVmx = 'msr' in name.place && 0x480 <= name.place.msr && name.place.msr <= 0x493;
    const firstName = name.qemu[0] ?? '';
    if (firstName === '' || wish === 'host' || (inVmx && !nested)) return false;
    return !QEMU_FROM_TOPOLOGY.includes(firstName) && wishOf(back, name) !== wish && !spokenOf(name);
  });
  expect(different.map((name) => `${placeText(name)} ${name.qemu.join(' ')}`)).toEqual([]);
}

describe('qemu.args', () => {
  it('is the model with the fewest words, byte for byte', () => {
    const kvm64 = cpuModel('kvm64-v1');
    const profile = profileOf('intel', {
      cpuid: [
        row(0x0, 'eax', 0xd),
        row(0x1, 'eax', 0x0008_06f8),
        // KVM's x2APIC and the hypervisor bit, PCLMULQDQ, and not what kvm64 has more: CX16, SSE3.
        row(0x1, 'ecx', 0x8020_0002),
        row(0x1, 'edx', kvm64?.cpuid.find(({ register }) => register === 'edx')?.value ?? 0),
        row(0x4000_0001, 'eax', 0x0000_0009),
        row(0x8000_0000, 'eax', 0x8000_0008),
        row(0x8000_0001, 'edx', 0x2010_0800),
        ...brandAdjustments('Intel my=profile'),
        row(0x8000_0008, 'eax', 46),
      ],
    });
    expect(renderQemu(profile).files['qemu.args']).toBe(
      'kvm64-v1,enforce,vendor=GenuineIntel,family=6,model=143,stepping=8,model-id=Intel my=profile,' +
        'level=0xd,xlevel=0x80000008,phys-bits=46,' +
        'pni=off,pclmulqdq=on,cx16=off,x2apic=on,hypervisor=on,' +
        'kvmclock=on,kvm-nopiodelay=off,kvm-asyncpf=off,kvm-steal-time=off,kvm-pv-eoi=off,kvmclock-stable-bit=off\n',
    );
  });

  it('leaves a brand string out that would end its property, and says so', () => {
    const profile = profileOf('amd', { cpuid: brandAdjustments('AMD x,+vmx') });
    expect(wordsOf(profile).some((word) => word.startsWith('model-id'))).toBe(false);
    expect(wordsOf(profile)).not.toContain('+vmx');
    const { findings } = renderQemu(profile);
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'OverwrittenByConsumer',
        severity: 'warning',
        where: { leaf: '0x80000002', subleaf: '0x0', register: 'eax' },
      }),
    );
  });

  it.each(CPU_MODELS.filter(({ since }) => since === '7.2').map(({ id }) => id))(
    '%s: the model itself needs no word but those that are always written',
    (id) => {
      const imported = importQemu([{ name: 'cpu', text: id }]);
      if (imported.kind !== 'profile') throw new Error('not a profile');
      const profile: Profile = { vendor: imported.vendor, data: imported.data, filter: 'none' };
      const words = wordsOf(profile);
      // Some versions differ in VMX alone, which no model has on.
      expect(cpuModel(words[0] ?? '')?.cpuid).toEqual(cpuModel(id)?.cpuid);
      const always = [
        'x2apic=on',
        'hypervisor=on',
        'kvmclock=on',
        'kvm-nopiodelay=on',
        'kvm-asyncpf=on',
        'kvm-steal-time=on',
        'kvm-pv-eoi=on',
        'kvmclock-stable-bit=on',
      ];
      // What KVM switches off although the model has it.
      const off = ['monitor=off', 'svm=off'];
      const features = words.filter((word) => /=(on|off)$/.test(word) && word !== 'host-phys-bits=on');
      expect(features.filter((word) => !off.includes(word))).toEqual(always);
      // Written all the same: another accelerator leaves it on.
      const monitor = cpuModel(id)?.cpuid.find(({ leaf, register }) => leaf === 0x1 && register === 'ecx');
      expect(words.includes('monitor=off')).toBe((((monitor?.value ?? 0) >>> 3) & 1) === 1);
    },
  );

  it.each(catalogNames())('%s: the named bits come back', (name) => {
    const profile = catalogProfile(name);
    const old = BIT_NAMES.filter(isOld);
    expectSameNames(profile, old);
    const back = parsed(profile);
    const on = old.filter((bit) => wishOf(profile.data, bit) === 'on');
    expect(on.length).toBeGreaterThan(40);
    // All of them, those apart that two bits share and that need what is off.
    expect(on.filter((bit) => wishOf(back, bit) !== 'on').map(({ qemu }) => qemu[0])).toEqual([]);
  });

  it.each(catalogNames())('%s: levels, signature and brand string come back', (name) => {
    const profile = catalogProfile(name);
    const back = parsed(profile);
    for (const leaf of [0x0, 0x1, 0x8000_0000, 0x8000_0002, 0x8000_0003, 0x8000_0004])
      for (const register of leaf > 0x8000_0000 ? REGISTERS : (['eax'] as const))
        expect(adjustmentAt(back, leaf, 0, register)?.value, `${toHex(leaf)} ${register}`).toBe(
          adjustmentAt(profile.data, leaf, 0, register)?.value,
        );
  });

  it('keeps to names of the version it is for, and to its models', () => {
    const profile = catalogProfile('sapphire-rapids');
    const names = (version: '7.2' | '10.1'): string[] =>
      (renderQemu(profile, version).files['qemu.args'] ?? '').trim().split(',');
    expect(names('7.2')[0]).toMatch(/^Icelake-Server-v\d$/);
    expect(names('7.2')).not.toContain('its-no=on');
    expect(names('10.1')[0]).toMatch(/^SapphireRapids-v\d$/);
    expect(names('10.1')).toContain('its-no=on');
    const lost = renderQemu(profile).findings.find(({ where }) => 'msr' in where && where.msr === '0x10a');
    expect(lost).toMatchObject({ code: 'MsrBitsNotExpressible', severity: 'warning' });
    expect(lost?.message).toMatch(/QEMU 10\.1 knows .*its-no/);
    // RRSBA has no name in any version: not to show it is to withhold a warning.
    expect(lost?.message).toContain('RRSBA would have warned it');
  });

  it('switches two bits of one name together or not at all', () => {
    const clock = (value: number): string[] =>
      wordsOf(profileOf('intel', { cpuid: [row(0x4000_0001, 'eax', value)] }));
    expect(clock(0x9)).toContain('kvmclock=on');
    expect(clock(0x1)).toContain('kvmclock=off');
    const { findings } = renderQemu(profileOf('intel', { cpuid: [row(0x4000_0001, 'eax', 0x1)] }));
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'CpuidBitsNotExpressible', name: 'kvm_feature_clocksource' }),
    );
  });

  it('does not ask for a feature without what it needs', () => {
    const profile = profileOf('amd', { cpuid: [row(0x8000_000a, 'edx', 0x1)] });
    expect(wordsOf(profile)).not.toContain('npt=on');
    expect(renderQemu(profile).findings).toContainEqual(
      expect.objectContaining({ code: 'CpuidBitsNotExpressible', name: 'npt' }),
    );
  });

  it('says nothing of VMX without VMX', () => {
    const data = catalogProfile('skylake').data;
    const cpuid = data.cpuid.map((entry) =>
      entry.leaf === 0x1 && entry.register === 'ecx' ? { ...entry, value: entry.value & ~0x20 } : entry,
    );
    const words = wordsOf(profileOf('intel', { cpuid, featureMsrs: data.featureMsrs }));
    expect(words.filter((word) => word.startsWith('vmx'))).toEqual([]);
  });

  it('decides for bits that are left to the host, and says how', () => {
    const { findings } = renderQemu(
      profileOf('intel', {
        cpuid: [row(0x1, 'ecx', 0, { mask: 0x8100_0001 }), row(0x8000_0008, 'eax', 0, { mask: 0xff })],
      }),
    );
    const host = findings.filter(({ code, where }) => code === 'HostBitsNotExpressible' && 'leaf' in where);
    expect(host.map(({ message }) => message)).toEqual([
      'the profile leaves these to the host, QEMU has to decide: on tsc-deadline, hypervisor; off pni',
    ]);
  });

  it('tells what no string can say', () => {
    const profile: Profile = {
      ...profileOf('amd', {
        cpuid: [row(0x8000_0007, 'edx', 0x100), row(0x2001_0000, 'eax', 1), row(0x2001_0001, 'ebx', 2)],
        featureMsrs: [{ index: 0xc001_1029, mask: 0n, value: 2n }],
        requiredMsrs: [0x10],
      }),
      filter: 'closed',
    };
    const { findings } = renderQemu(profile);
    const codes = findings.map(({ code }) => code);
    for (const code of [
      'RequiredMsrsNotExpressible',
      'FilterNotApplied',
      'MigrationBlocked',
      'ConsumerVersionNeeded',
    ])
      expect(codes).toContain(code);
    expect(findings.find(({ code }) => code === 'CpuidBitsNotExpressible')?.message).toContain(
      '2 registers that the profile fixes, of leaves 0x20010000-0x20010001',
    );
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'MsrBitsNotExpressible',
        where: { msr: '0xc0011029' },
        name: 'DE_CFG',
      }),
    );
  });

  // Random words in the registers that have names: far from any processor, so that needs and pairs are often not met.
  const named = BIT_NAMES.filter(isOld);
  const chosen = fc
    .tuple(fc.constantFrom(...VENDORS), fc.subarray([...named]), fc.subarray([...named], { maxLength: 20 }))
    .map(([vendor, on, host]): Profile => {
      const words = new Map<string, CpuidAdjustment>();
      for (const { place } of named) {
        if ('msr' in place) continue;
        const key = `${place.leaf}.${place.subleaf}.${place.register}`;
        const known = words.get(key) ?? { ...place, lastSubleaf: place.subleaf, mask: 0, value: 0 };
        const bit = 2 ** place.bit;
        const same = (other: BitName): boolean => other.place === place;
        if (host.some(same)) words.set(key, { ...known, mask: known.mask + bit });
        else if (on.some(same)) words.set(key, { ...known, value: known.value + bit });
        else words.set(key, known);
      }
      const arch = on.reduce(
        (word, { place }) =>
          'msr' in place && place.msr === 0x10a ? word | (1n << BigInt(place.bit)) : word,
        0n,
      );
      return profileOf(vendor, {
        cpuid: [...words.values()].map(({ leaf, subleaf, lastSubleaf, register, mask, value }) => ({
          leaf,
          subleaf,
          lastSubleaf,
          register,
          mask,
          value,
        })),
        featureMsrs: [{ index: 0x10a, mask: 0n, value: arch }],
      });
    });

  it('law: every named bit comes back, or the report names its register', () => {
    fc.assert(
      fc.property(chosen, (profile) => {
        expectSameNames(profile, named);
      }),
      { numRuns: lawRuns(40) },
    );
  }, 1_200_000);

  it('law: any profile has a string of words that QEMU takes', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const [model = '', enforce, ...words] = wordsOf(profile);
        expect(cpuModel(model)).toMatchObject({ vendor: profile.vendor, since: '7.2' });
        expect(enforce).toBe('enforce');
        for (const word of words) {
          const [name = '', value = ''] = word.split('=');
          if (value === 'on' || value === 'off') {
            const bits = bitsOfQemuName(name);
            expect(name === 'host-phys-bits' || (bits.length > 0 && bits.every(isOld)), word).toBe(true);
          } else {
            expect(word).toMatch(
              /^(vendor=\w{12}|(family|model|stepping|phys-bits)=\d+|(level|xlevel|level-func7|ucode-rev)=0x[0-9a-f]+|model-id=[ -~]+)$/,
            );
          }
        }
        expectSameNames(profile, named);
      }),
      { numRuns: lawRuns(40) },
    );
  }, 1_200_000);
});
