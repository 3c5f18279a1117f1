import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { CPU_MODELS } from '../definitions/models/models.ts';
import { BIT_NAMES, bitsOfLibvirtName } from '../definitions/names/names.ts';
import { importLibvirt } from '../import/libvirt.ts';
import { type Profile, type ProfileData, profileDataFromWire } from '../model/profile.ts';
import { renderLibvirt } from './libvirt.ts';
import { wishOf } from './named-features.ts';

const textOf = (profile: Profile): string => renderLibvirt(profile).files['libvirt.xml'] ?? '';
const catalogProfile = (name: string): Profile => {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(name);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter: 'closed' };
};
const parsed = (profile: Profile): ProfileData => {
  const imported = importLibvirt([{ name: 'libvirt.xml', text: textOf(profile) }]);
  if (imported.kind !== 'profile') throw new Error('not a profile');
  return imported.data;
};
const policies = (profile: Profile): Map<string, string> =>
  new Map(
    [...textOf(profile).matchAll(/<feature policy='(\w+)' name='([^']+)'\/>/g)].map(
      ([, policy = '', name = '']) => [name, policy],
    ),
  );

describe('libvirt.xml', () => {
  it('is a cpu element, byte for byte', () => {
    const kvm64 = CPU_MODELS.find(({ id }) => id === 'kvm64-v1')?.cpuid ?? [];
    const profile: Profile = {
      vendor: 'intel',
      data: {
        cpuid: [
          ...kvm64.map((word) => ({
            ...word,
            lastSubleaf: word.subleaf,
            mask: 0,
            // Without CX16 and with PCLMULQDQ, the hypervisor bit and x2APIC.
            value: word.register === 'ecx' && word.leaf === 1 ? 0x8020_0003 : word.value,
          })),
          { leaf: 0x8000_0008, subleaf: 0, lastSubleaf: 0, register: 'eax', mask: 0, value: 46 },
        ],
        featureMsrs: [],
        requiredMsrs: [],
      },
      filter: 'none',
    };
    expect(textOf(profile)).toBe(`<cpu mode='custom' match='exact' check='full'>
  <model fallback='forbid'>kvm64</model>
  <vendor>Intel</vendor>
  <maxphysaddr mode='emulate' bits='46'/>
  <feature policy='require' name='pclmuldq'/>
  <feature policy='disable' name='cx16'/>
  <feature policy='require' name='x2apic'/>
  <feature policy='require' name='hypervisor'/>
  <feature policy='require' name='vme'/>
</cpu>
`);
  });

  it.each(catalogNames())('%s: the bits that libvirt names come back', (name) => {
    const profile = catalogProfile(name);
    const back = parsed(profile);
    const named = BIT_NAMES.filter(
      ({ libvirt, libvirtNewer, qemuSince }) =>
        libvirt !== undefined && libvirtNewer !== true && qemuSince === '7.2',
    );
    const fixed = named.filter((row) => wishOf(profile.data, row) !== 'host' && row.qemu[0] !== 'ht');
    expect(fixed.filter((row) => wishOf(profile.data, row) === 'on').length).toBeGreaterThan(30);
    const different = fixed.filter((row) => wishOf(back, row) !== wishOf(profile.data, row));
    expect(different.map(({ libvirt }) => libvirt)).toEqual([]);
  });

  it("states what libvirt's own model of the name has otherwise", () => {
    const found = policies(catalogProfile('skylake'));
    const model = /<model[^>]*>([^<]+)</.exec(textOf(catalogProfile('skylake')))?.[1];
    const known = CPU_MODELS.find(({ libvirt }) => libvirt?.name === model)?.libvirt;
    expect(known?.has).toContain('mpx');
    expect(found.get('mpx')).toBe('disable');
    // VMX features are in none of libvirt's models: all of them are stated.
    expect([...found].filter(([name]) => name.startsWith('vmx-')).length).toBeGreaterThan(60);
    const { findings } = renderLibvirt(catalogProfile('skylake'));
    expect(findings.find(({ code }) => code === 'ConsumerVersionNeeded')?.name).toBe(
      'libvirt 9.10, QEMU 7.2',
    );
  });

  it('says that levels, signature and brand string are the model’s, and paravirtual features QEMU’s', () => {
    const { findings } = renderLibvirt(catalogProfile('sapphire-rapids'));
    const rewritten = findings
      .filter(({ code, severity }) => code === 'OverwrittenByConsumer' && severity === 'warning')
      .flatMap(({ where }) => ('leaf' in where ? [`${where.leaf} ${where.register}`] : []));
    for (const place of ['0x0 eax', '0x1 eax', '0x80000002 ebx']) expect(rewritten).toContain(place);
    const host = findings.filter(({ code }) => code === 'HostBitsNotExpressible');
    expect(host.map(({ message }) => message).join('\n')).toContain('on kvmclock, kvm-nopiodelay');
  });

  it('law: any profile gives an element of names that libvirt has', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const text = textOf(profile);
        for (const [name] of policies(profile)) expect(bitsOfLibvirtName(name), name).toHaveLength(1);
        const rest = text.replaceAll(/ {2}<feature policy='(require|disable)' name='[a-z0-9._-]+'\/>\n/g, '');
        expect(rest).toMatch(
          /^<cpu mode='custom' match='exact' check='full'>\n {2}<model fallback='forbid'>[\w-]+<\/model>\n {2}<vendor>(Intel|AMD)<\/vendor>\n( {2}<maxphysaddr mode='(passthrough'|emulate' bits='\d\d')\/>\n)?<\/cpu>\n$/,
        );
      }),
      { numRuns: lawRuns(40) },
    );
  }, 1_200_000);
});
