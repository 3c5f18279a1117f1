import { describe, expect, it, test } from 'vitest';
import { CPU_MODELS } from '../definitions/models/models.ts';
import { accept } from '../make/accept.ts';
import { profileDataToWire } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { FeatureSet } from '../definitions/models/feature-set.ts';
import { signature } from './named-cpu.ts';
import { importQemu } from './qemu.ts';

const profile = (text: string) => {
  const imported = importQemu([{ name: 'cpu', text }]);
  if (imported.kind !== 'profile') throw new Error(imported.kind);
  const value = (leaf: number, subleaf: number, register: Register): number =>
    adjustmentAt(imported.data, leaf, subleaf, register)?.value ?? 0;
  return { ...imported, value };
};
const bit = (word: number, number: number): number => (word >>> number) & 1;

describe('named models of QEMU', () => {
  test.each(CPU_MODELS.map((model) => [model.id, model] as const))(
    '%s: its words are those of the table, its components follow from its features',
    (id, model) => {
      const features = new FeatureSet(model);
      features.settle();
      for (const row of model.cpuid)
        expect(features.register(row), `${row.leaf}.${row.subleaf}:${row.register}`).toBe(row.value);
      expect(features.stateComponents()).toBe(BigInt(model.xcr0) | BigInt(model.xss));
      const { vendor, data } = profile(id);
      expect(accept('imported', { vendor, data: profileDataToWire(data) })).toMatchObject({ accepted: true });
    },
  );

  test.each([
    ['Nehalem-v1', 0x1_06a3],
    ['SapphireRapids-v1', 0x8_06f4],
    ['EPYC-Milan-v1', 0xa0_0f11],
    ['kvm64-v1', 0xf61],
  ])('%s has the signature of the silicon', (id, expected) => {
    const model = CPU_MODELS.find((candidate) => candidate.id === id);
    expect(model && signature(model)).toBe(expected);
  });

  it('switches features in every spelling, and leaves the rest of the properties out', () => {
    const { value, data, notKnown } = profile(
      'SapphireRapids-v2,-avx512f,+vmx,pku=off,enforce,check=on,hv-relaxed=on,phys-bits=40\n',
    );
    expect(bit(value(0x7, 0, 'ebx'), 16)).toBe(0);
    expect(bit(value(0x1, 0, 'ecx'), 5)).toBe(1);
    expect(bit(value(0x7, 0, 'ecx'), 3)).toBe(0);
    // PKRU went with PKU, the AVX-512 components with avx512f; AMX stays.
    expect(value(0xd, 0, 'eax')).toBe(0x6_0007);
    expect(data.featureMsrs.map(({ index }) => index)).toEqual(expect.arrayContaining([0x10a, 0x480, 0x491]));
    expect(notKnown.join('\n')).toContain('hv-relaxed=on, phys-bits=40: no feature');
    expect(notKnown.join('\n')).not.toContain('enforce');
  });

  it('says which version a bare name is taken for', () => {
    expect(profile('EPYC-Rome').notKnown.join('\n')).toContain('taken as EPYC-Rome-v1');
    expect(profile('EPYC-Rome').data).toEqual(profile('EPYC-Rome-v1').data);
  });

  it('shows AMD guests the copies of what leaf 1 shows', () => {
    const { value } = profile('EPYC-v1,-mmx');
    expect([bit(value(0x1, 0, 'edx'), 23), bit(value(0x8000_0001, 0, 'edx'), 23)]).toEqual([0, 0]);
  });

  it('takes over what the user says about the CPU itself', () => {
    const { value } = profile(
      'Nehalem-v1,vendor=GenuineIntel,family=6,model=143,stepping=8,level=0x20,model-id=A,, B',
    );
    expect([value(0x1, 0, 'eax'), value(0x0, 0, 'eax')]).toEqual([0x8_06f8, 0x20]);
    // "A, B" in the lowest four bytes of the brand string.
    expect(value(0x8000_0002, 0, 'eax')).toBe(0x4220_2c41);
  });

  test.each([
    ['a family too large', 'Nehalem,family=300', 'family cannot be "300"'],
    ['a level that is no number', 'Nehalem,level=max', 'level cannot be "max"'],
    ['another vendor', 'Nehalem,vendor=AuthenticAMD', 'the vendor "AuthenticAMD" is not that of Nehalem-v1'],
    ['an escape in the name', 'Nehalem,model-id=\u001b[2J', 'is not printable ASCII'],
    ['an unknown model', 'host,+avx', /^cpu: the model "host" is not in the tables, which have Nehalem-v1, /],
    ['an unknown feature', 'Nehalem,+foo', /^cpu: the feature "foo" is not in the tables/],
    ['a sign and a value', 'Nehalem,+avx=on', /"\+avx=on" has both a sign and a value/],
    ['what is no property', 'Nehalem,a b', /"a b" is not a property of a CPU/],
    ['an empty property', 'Nehalem,', /"" is not a property/],
    ['nothing', '', /the model "" is not/],
    ['too much', `Nehalem${',+avx'.repeat(5000)}`, /is longer than 16384 characters/],
  ])('is refused: %s', (_, text, message) => {
    expect(() => profile(text)).toThrow(message);
  });
});
