import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyPool, poolOf } from '../../test/domain/arbitrary-pool.ts';
import { AMD, INTEL, madeProfile, type MadeProfile } from '../../test/domain/made.ts';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';
import { lawRuns } from '../../test/law-runs.ts';
import type { Finding } from '../model/finding.ts';
import { profileDataToWire, type Profile } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { check } from '../verdict/check.ts';
import { placeText } from '../verdict/findings.ts';
import { lint } from '../verdict/lint.ts';
import { accept } from './accept.ts';
import { brandIn } from './brand.ts';
import { derive } from './derive.ts';
import { DEPENDENCIES } from './derive-dependencies.ts';
import { targetsNamed } from './derive-targets.ts';
import { generate } from './generate.ts';
import { resolve } from './resolve.ts';

const shipped = (name: string): Profile => {
  const resolved = resolve({ vendor: 'intel', catalog: name });
  if (!resolved.ok) throw new Error(resolved.message);
  return resolved.profile;
};
const SAPPHIRE_RAPIDS = shipped('sapphire-rapids');
const without = (names: readonly string[], profile: Profile | MadeProfile = SAPPHIRE_RAPIDS) =>
  derive('data' in profile ? profile : madeProfile(profile), names);
const word = ({ profile }: ReturnType<typeof derive>, ...[leaf, subleaf, register]: Parameters<typeof at>) =>
  at(leaf, subleaf, register, profile);
const at = (
  leaf: number,
  subleaf: number,
  register: 'eax' | 'ebx' | 'ecx' | 'edx',
  profile = SAPPHIRE_RAPIDS,
) => adjustmentAt(profile.data, leaf, subleaf, register)?.value ?? 0;
const names = ({ removed }: ReturnType<typeof derive>) => removed.map(({ name }) => name);

describe('features and what goes with them', () => {
  test('AVX-512 takes its extensions and its three components, and the XSAVE area shrinks', () => {
    const derived = without(['avx512f']);
    expect(names(derived)).toEqual(
      expect.arrayContaining(['avx512f', 'avx512bw', 'avx512_fp16', 'avx512_bf16', 'avx512_vnni']),
    );
    expect(word(derived, 0xd, 0, 'eax') & 0xe0).toBe(0);
    for (const component of [5, 6, 7]) expect(word(derived, 0xd, component, 'eax')).toBe(0);
    expect(word(derived, 0x1, 0, 'ecx')).toBe(at(0x1, 0, 'ecx'));
    // AMX still ends at 0xb00 + 0x2000.
    expect(word(derived, 0xd, 0, 'ecx')).toBe(at(0xd, 0, 'ecx') === 0 ? 0 : 0x2b00);
    expect(derived.removed.find(({ name }) => name === 'avx512_fp16')?.because).toBe('avx512bw');
    expect(derived.removed.find(({ name }) => name === 'avx512f')?.because).toBeUndefined();
  });
  test('without AVX and AMX the area ends with the legacy region', () => {
    const derived = without(['avx', 'amx_tile']);
    expect(word(derived, 0xd, 0, 'eax') & 0x6_00e4).toBe(0);
    expect(word(derived, 0x1, 0, 'ecx') & 0x3000_1000).toBe(0);
    expect(names(derived)).toEqual(expect.arrayContaining(['avx2', 'vaes', 'avx512f', 'xfd']));
    expect(adjustmentAt(derived.profile.data, 0x1d, 1, 'eax')?.value).toBe(0);
    expect(derived.profile.data.requiredMsrs).not.toContain(0x1c4);
  });
  test('VMX takes its MSRs, adjusted and required', () => {
    const { profile } = without(['vmx']);
    expect(
      [...profile.data.requiredMsrs, ...profile.data.featureMsrs.map(({ index }) => index)].filter(
        (index) => index >= 0x480 && index <= 0x493,
      ),
    ).toEqual([]);
    expect(lint(profile).filter(({ severity }) => severity === 'error')).toEqual([]);
  });
  test('the bit that announces IA32_ARCH_CAPABILITIES takes the MSR, and the MSR takes the bit', () => {
    for (const name of ['arch_capabilities', 'IA32_ARCH_CAPABILITIES', '0x10a', 'arch-capabilities']) {
      const { profile, removed } = without([name]);
      expect(profile.data.requiredMsrs).not.toContain(0x10a);
      expect(profile.data.featureMsrs.map(({ index }) => index)).not.toContain(0x10a);
      expect(at(0x7, 0, 'edx', profile) & 0x2000_0000).toBe(0);
      expect(removed).toHaveLength(2);
    }
  });
  test('a paravirtual feature takes the MSRs it announces', () => {
    expect(without(['kvm_feature_clocksource2']).profile.data.requiredMsrs).not.toContain(0x4b56_4d00);
  });
  test('secondary VMX controls close 0x48b, and with it EPT and VPID', () => {
    const { profile } = without(['0x48e[63]']);
    const msr = (index: number) => profile.data.featureMsrs.find((each) => each.index === index)?.value;
    expect((msr(0x48b) ?? 1n) >> 32n).toBe(0n);
    expect(msr(0x48c)).toBe(0n);
    expect(lint(profile).map(({ code }) => code)).not.toContain('VmxControlUngated');
  });
  test('a defect that is promised to be absent is admitted', () => {
    const derived = without(['RRSBA'], { msrs: [[0x10a, 1n]] });
    expect(derived.profile.data.featureMsrs).toEqual([{ index: 0x10a, mask: 0n, value: 0x8_0001n }]);
    expect(derived.removed).toMatchObject([{ name: 'RRSBA', change: 'lost' }]);
  });
  test('bits that are left to the host are taken too', () => {
    expect(without(['avx2'], { cpuid: [[0x7, 0, 'ebx', 0, 0x20]] }).profile.data.cpuid.at(-1)).toMatchObject({
      mask: 0,
      value: 0,
    });
  });
  test('a part of a range of subleaves', () => {
    const derived = without(['0xd.5:ecx[1]'], { cpuid: [[0xd, [4, 7], 'ecx', 2]] });
    expect(
      derived.profile.data.cpuid
        .slice(3)
        .map(({ subleaf, lastSubleaf, value }) => [subleaf, lastSubleaf, value]),
    ).toEqual([
      [4, 4, 2],
      [5, 5, 0],
      [6, 7, 2],
    ]);
  });
  test('what the profile does not have is a note', () => {
    expect(without(['avx2'], {})).toMatchObject({
      removed: [],
      notes: [expect.stringMatching(/^avx2: .*nothing/)],
    });
  });
  test('the new name goes into the brand string, where it was ours', () => {
    const host = recordedHosts().find(({ file }) => file === 'linux-6.12-epyc-rome')?.snapshot;
    if (host === undefined) throw new Error('no recorded host');
    const { vendor, data } = generate('rome-v1', host);
    const { profile } = derive({ vendor, data, filter: 'closed' }, ['avx2'], 'rome-v2');
    expect(brandIn(profile.data)).toBe('AMD rome-v2');
    expect(accept('rome-v2', { vendor, data: toWire(profile) })).toMatchObject({ accepted: true });
    expect(brandIn(derive(madeProfile({}), [], 'other').profile.data)).toBeUndefined();
  });
});

describe('names', () => {
  test.each(['avx512f', 'AVX512F', 'avx512f', '7.0:EBX[16]', '0x7.0x0:ebx[16]', 'CPUID 7.0:EBX[16]'])(
    '%s',
    (name) => {
      expect(targetsNamed(name, INTEL)).toMatchObject([
        { leaf: 7, register: 'ebx', bits: 0x1_0000, name: 'avx512f' },
      ]);
    },
  );
  test.each([
    ['sse4.1', { leaf: 1, register: 'ecx', bits: 0x8_0000 }],
    ['avx512-vpopcntdq', { leaf: 7, register: 'ecx', bits: 0x4000 }],
    ['rdctl-no', { index: 0x10a, bits: 1n }],
    ['MSR 0x10a[17]', { index: 0x10a, bits: 0x2_0000n, name: 'FB_CLEAR' }],
  ])('%s, as others call it', (name, target) => {
    expect(targetsNamed(name, INTEL)).toMatchObject([target]);
  });
  test.each([
    ['avx512', /no feature of intel CPUs is called "avx512"; did you mean .*avx512f/],
    ['FB-CLEER', /did you mean FB_CLEAR/],
    ['svm', /no feature of intel/],
    ['zzzzzzzz', /called "zzzzzzzz"$/],
    ['7.0:EBX[40]', /names no bits between 0 and 31/],
    ['0x10a[3:]', /names no bits between 0 and 63/],
    ['stepping', /no feature: it says who the CPU is/],
    ['cpu_vendorid_0', /must agree on/],
    ['xsave_sz', /stands in \d+ places/],
  ])('%s is refused', (name, message) => {
    expect(() => without([name])).toThrow(message);
  });
});

test('every name in the table of dependencies is a field or a feature MSR of some vendor, and every row has a source', () => {
  for (const { feature, dependents, source } of DEPENDENCIES) {
    expect(source.length).toBeGreaterThan(10);
    for (const name of [feature, ...dependents]) {
      const known = [INTEL, AMD].some(
        ({ cpuid, featureMsrs }) =>
          cpuid.some(({ fields }) => fields.some((field) => field.name === name)) ||
          featureMsrs.some((msr) => msr.name === name),
      );
      expect(known, name).toBe(true);
    }
  }
});

describe('laws', { timeout: 20_000 + 100 * lawRuns(100) }, () => {
  const BITS = /Bits(Missing|Unwanted)$/;
  const place = ({ where, bits }: Finding): string => placeText(where, bits);

  test('what is No for bits is Yes without exactly those bits', () => {
    let held = 0;
    fc.assert(
      fc.property(anyPool, fc.boolean(), (recipe, nested) => {
        const [made, ...others] = poolOf(recipe);
        const { vendor, data } = generate('law', made, { nested: nested && vendorOf(made) === 'intel' });
        const profile: Profile = { vendor, data, filter: 'closed' };
        for (const host of others) {
          const { compatible, findings } = check(profile, host);
          if (
            compatible !== 'No' ||
            !findings.every(({ code, severity }) => BITS.test(code) || severity === 'note')
          )
            continue;
          const errors = findings.filter(({ severity }) => severity === 'error');
          const derived = derive(profile, errors.map(place));
          expect(check(derived.profile, host).compatible).toBe('Yes');
          expect(check(derived.profile, made).compatible).toBe('Yes');
          expect(derived.removed.length).toBeGreaterThanOrEqual(errors.length);
          expect(derived.removed.map(({ change }) => change)).not.toContain('gained');
          held += 1;
        }
      }),
      { numRuns: lawRuns(100) },
    );
    expect(held).toBeGreaterThan(lawRuns(100) / 50);
  });

  test('taking anything away loses no host, and taking it twice changes nothing', () => {
    fc.assert(
      fc.property(
        anyPool,
        fc.array(fc.constantFrom(...TAKEABLE), { minLength: 1, maxLength: 3 }),
        (recipe, taken) => {
          const [host] = poolOf(recipe);
          const { vendor, data } = generate('law', host);
          const known = taken.filter((name) => FEATURES[vendor].has(name));
          const derived = derive({ vendor, data, filter: 'closed' }, known);
          expect(check(derived.profile, host)).toEqual({ compatible: 'Yes', findings: [] });
          const again = derive(derived.profile, known);
          expect(again.removed).toEqual([]);
          expect(again.profile).toEqual(derived.profile);
        },
      ),
      { numRuns: lawRuns(100) },
    );
  });
});

const vendorOf = ({ vendor }: { readonly vendor: 'intel' | 'amd' }): string => vendor;
const featureNames = ({ cpuid, featureMsrs }: typeof INTEL): Set<string> =>
  new Set(
    [...cpuid, ...featureMsrs]
      .flatMap(({ fields }) => fields)
      .filter(({ relation }) => relation === 'subset' || relation === 'superset')
      .map(({ name }) => name),
  );
const FEATURES = { intel: featureNames(INTEL), amd: featureNames(AMD) };
const TAKEABLE = [...new Set([...FEATURES.intel, ...FEATURES.amd])];
const toWire = ({ data }: Profile) => profileDataToWire(data);
