import { describe, expect, it, test } from 'vitest';
import { cpudata, LIBVIRT_CAPABILITIES, LIBVIRT_DOMAIN_CPU } from '../../test/fuzz/seeds.ts';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';
import { cpuModel } from '../definitions/models/models.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import type { Register } from '../model/registers.ts';
import { importLibvirt } from './libvirt.ts';

const read = (text: string, vendor?: 'intel' | 'amd') => importLibvirt([{ name: 'file', text }], { vendor });
const profile = (text: string) => {
  const imported = read(text);
  if (imported.kind !== 'profile') throw new Error(imported.kind);
  const at = (leaf: number, subleaf: number, register: Register) => {
    const row = adjustmentAt(imported.data, leaf, subleaf, register);
    return { mask: row?.mask ?? 0, value: row?.value ?? 0 };
  };
  return { ...imported, at };
};
const bit = (word: number, number: number): number => (word >>> number) & 1;

describe('<cpudata>', () => {
  it('becomes a raw snapshot with the MSRs it shows', () => {
    const host = recordedHosts().find(({ file }) => file === 'firecracker-guest-ice-lake');
    const entries = host?.snapshot.cpuid ?? [];
    const imported = read(cpudata(entries));
    expect(imported).toMatchObject({
      kind: 'snapshot',
      snapshot: {
        vendor: 'intel',
        source: 'raw',
        partial: true,
        cpuid: entries.filter(({ leaf }) => leaf >>> 16 !== 0x4000),
        featureMsrs: [{ index: 0x10a, value: 0x0c08_e0ebn }],
        msrIndices: undefined,
      },
    });
    expect(imported.notKnown.join('\n')).toContain('feature MSRs but 0x10a');
  });

  test.each([
    ['another architecture', "<cpudata arch='s390x'/>", /^file line 1: arch "s390x" is not x86/],
    [
      'a missing register',
      "<cpudata arch='x86'>\n<cpuid eax_in='0x0' ecx_in='0x0'/></cpudata>",
      /^file line 2: <cpuid> is without eax/,
    ],
    [
      'a register that is no number',
      "<cpudata arch='x86'><msr index='0x10a' eax='1' edx='0x0'/></cpudata>",
      /^file line 1 eax: "1" is not a 32-bit hex number/,
    ],
    ['another element', "<cpudata arch='x86'><cpu/></cpudata>", /^file line 1: <cpu> does not belong/],
    [
      'an unknown attribute',
      "<cpudata arch='x86'><msr index='0x1' eax='0x0' edx='0x0' f='1'/></cpudata>",
      /unknown attribute f/,
    ],
  ])('is refused with the line: %s', (_, text, message) => {
    expect(() => read(text, 'intel')).toThrow(message);
  });
});

describe("a domain's <cpu>", () => {
  it("is QEMU's model with the features switched, as KVM guests get it", () => {
    const { vendor, at, notKnown } = profile(LIBVIRT_DOMAIN_CPU);
    const model = cpuModel('Skylake-Server-IBRS');
    const word = (leaf: number, register: Register): number =>
      model?.cpuid.find((row) => row.leaf === leaf && row.subleaf === 0 && row.register === register)
        ?.value ?? 0;
    expect(vendor).toBe('intel');
    // x2apic by name, hypervisor by itself.
    expect(at(0x1, 0, 'ecx')).toEqual({ mask: 0, value: (word(0x1, 'ecx') | (1 << 21) | (1 << 31)) >>> 0 });
    expect(at(0x7, 0, 'ecx').mask).toBe(1 << 3);
    expect(at(0x1, 0, 'eax')).toEqual({ mask: 0, value: 0x5_0654 });
    expect(at(0x2, 0, 'eax')).toEqual({ mask: 0xffff_ffff, value: 0 });
    expect(notKnown.join('\n')).toContain('passed through from the host');
  });

  it('loses the state components of a feature that is off, and what depends on it', () => {
    expect(profile(LIBVIRT_DOMAIN_CPU).at(0xd, 0, 'eax').value).toBe(0x7);
    const amd = (feature: string) =>
      profile(`<cpu mode='custom'><model>EPYC</model>${feature}</cpu>`).at(0x8000_000a, 0, 'edx').value;
    // QEMU takes SVM from KVM guests that do not ask for it, and with it the features of leaf 0x8000000a.
    expect(amd('')).toBe(0);
    expect(amd("<feature policy='require' name='svm'/>")).toBe(0x9);
  });

  it('is found inside domain and domain capabilities', () => {
    const alone = profile(LIBVIRT_DOMAIN_CPU).data;
    expect(profile(`<domain type='kvm'><name>a</name>${LIBVIRT_DOMAIN_CPU}</domain>`).data).toEqual(alone);
    const mode = LIBVIRT_DOMAIN_CPU.replace(
      "<cpu mode='custom' match='exact' check='full'>",
      "<mode name='host-model' supported='yes'>",
    ).replace('</cpu>', '</mode>');
    expect(
      profile(
        `<domainCapabilities><cpu><mode name='maximum' supported='yes'/>${mode}</cpu></domainCapabilities>`,
      ).data,
    ).toEqual(alone);
  });

  it('names the features that have no bit, and what stands aside', () => {
    const text = LIBVIRT_DOMAIN_CPU.replace(
      '</cpu>',
      "<feature policy='require' name='hv-time'/><topology sockets='1' dies='1' cores='1' threads='1'/></cpu>",
    );
    const { notKnown } = profile(text);
    expect(notKnown.join('\n')).toMatch(/the features hv-time[^]*topology: read and left out/);
  });

  test.each([
    [
      'no model',
      "<cpu mode='host-model'/>",
      /^file line 1: <cpu> names no model: it is whatever each host has/,
    ],
    [
      'an unknown model',
      '<cpu>\n<model>Pentium</model></cpu>',
      /^file line 2: the model "Pentium" is not in the tables, which have Nehalem, /,
    ],
    ['a model of the prototype', '<cpu><model>__proto__</model></cpu>', /the model "__proto__" is not/],
    [
      'another vendor',
      '<cpu><model>Nehalem</model><vendor>AMD</vendor></cpu>',
      /is for intel, and not for amd|is for amd/,
    ],
    [
      'an unknown vendor',
      '<cpu><model>Nehalem</model><vendor>VIA</vendor></cpu>',
      /^file line 1: the vendor "VIA"/,
    ],
    [
      'a feature twice',
      "<cpu><model>Nehalem</model><feature name='avx'/>\n<feature name='avx'/></cpu>",
      /^file line 2: the feature avx appears twice/,
    ],
    [
      'a policy',
      "<cpu><model>Nehalem</model><feature name='avx' policy='maybe'/></cpu>",
      /"maybe" is not a policy/,
    ],
    [
      'a hostile name',
      "<cpu><model>Nehalem</model><feature name='a b'/></cpu>",
      /"a b" is not the name of a feature/,
    ],
    ['another element', '<cpu><model>Nehalem</model><script/></cpu>', /<script> does not belong into <cpu>/],
    ['another document', '<network/>', /^file line 1: "<network>" is none of/],
    ['capabilities without a CPU', '<capabilities><host/></capabilities>', /<host> has no <cpu>/],
  ])('is refused with the line: %s', (_, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

describe("a host's <cpu> in its capabilities", () => {
  it('fixes the bits that libvirt names, and leaves every other to the host', () => {
    const { at, data, notKnown } = profile(LIBVIRT_CAPABILITIES);
    const { mask, value } = at(0x1, 0, 'ecx');
    // vmx is named; Westmere has no AVX; bit 16 has no name.
    expect([bit(value, 5), bit(value, 28), bit(mask, 28), bit(mask, 16)]).toEqual([1, 0, 0, 1]);
    // arat is of QEMU's Westmere, not of libvirt's.
    expect(bit(at(0x6, 0, 'eax').value, 2)).toBe(0);
    expect(bit(at(0x8000_0001, 0, 'edx').value, 27)).toBe(1);
    expect(at(0x0, 0, 'eax')).toEqual({ mask: 0xffff_ffff, value: 0 });
    expect(data.featureMsrs).toEqual([]);
    expect(notKnown.join('\n')).toContain('every bit that libvirt has no name for');
  });
});
