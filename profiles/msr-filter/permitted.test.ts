import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { profileData } from '../../test/arbitrary-profile.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { U32_MAX } from '../model/numbers.ts';
import { type CpuidAdjustment, type ProfileData, profileDataFromWire } from '../model/profile.ts';
import { VENDORS, type Vendor } from '../model/registers.ts';
import { bootMsrGaps } from './boot-check.ts';
import { canBeOne, contains, isX2apic, permittedMsrs, showsNesting } from './permitted.ts';

type Place = [leaf: number, subleaf: number, register: CpuidAdjustment['register'], bit: number];

/** A profile that fixes the given bits to 1 and nothing else. */
function dataWith(bits: readonly Place[], requiredMsrs: number[] = [], adjusted: number[] = []): ProfileData {
  const words = new Map<string, CpuidAdjustment>();
  for (const [leaf, subleaf, register, bit] of bits) {
    const key = `${leaf}.${subleaf}.${register}`;
    const value = ((words.get(key)?.value ?? 0) | (1 << bit)) >>> 0;
    words.set(key, { leaf, subleaf, lastSubleaf: subleaf, register, mask: 0, value });
  }
  return {
    cpuid: [...words.values()],
    featureMsrs: adjusted.map((index) => ({ index, mask: 0n, value: 0n })),
    requiredMsrs,
  };
}

const permitted = (vendor: Vendor, data: ProfileData) =>
  permittedMsrs({ vendor, data }, definitionsFor(vendor));

const VMX: Place = [0x1, 0, 'ecx', 5];
const SVM: Place = [0x8000_0001, 0, 'ecx', 2];
const XSAVES: Place = [0xd, 1, 'eax', 3];
const LONG_MODE: Place = [0x8000_0001, 0, 'edx', 29];

describe('canBeOne', () => {
  const bit = { leaf: 0x7, subleaf: 2, register: 'edx', bit: 31 } as const;
  const entry = { leaf: 0x7, subleaf: 2, lastSubleaf: 2, register: 'edx', mask: 0, value: 0 } as const;
  const data = (row: CpuidAdjustment): ProfileData => ({ cpuid: [row], featureMsrs: [], requiredMsrs: [] });

  it.each([
    ['a register that is not listed', { ...entry, register: 'eax', value: U32_MAX }, false],
    ['another subleaf', { ...entry, subleaf: 1, lastSubleaf: 1, value: U32_MAX }, false],
    ['mask and value 0', entry, false],
    ['all other bits', { ...entry, value: 0x7fff_ffff }, false],
    ['fixed to 1', { ...entry, value: 0x8000_0000 }, true],
    ['from the host', { ...entry, mask: 0x8000_0000 }, true],
    ['in a range of subleaves', { ...entry, subleaf: 1, lastSubleaf: 9, mask: U32_MAX }, true],
  ] as const)('%s', (_, row, answer) => {
    expect(canBeOne(data(row), bit)).toBe(answer);
  });
});

describe('permittedMsrs', () => {
  it('asks for the announcing CPUID bit', () => {
    expect(permitted('intel', dataWith([])).has(0x1f8)).toBe(false);
    expect(permitted('intel', dataWith([[0x1, 0, 'ecx', 18]])).get(0x1f8)).toBe('r');
    expect(permitted('intel', dataWith([])).has(0x4b564d00)).toBe(false);
    expect(permitted('intel', dataWith([[0x4000_0001, 0, 'eax', 3]])).get(0x4b564d00)).toBe('rw');
  });

  it('is content with any one of several announcing bits', () => {
    expect(permitted('amd', dataWith([])).has(0x48)).toBe(false);
    expect(permitted('amd', dataWith([[0x7, 0, 'edx', 26]])).get(0x48)).toBe('rw');
    expect(permitted('amd', dataWith([[0x8000_0008, 0, 'ebx', 14]])).get(0x48)).toBe('rw');
  });

  it('tells reading from writing', () => {
    const all = permitted(
      'intel',
      dataWith(
        [
          [0x7, 0, 'edx', 26],
          [0x1, 0, 'edx', 12],
        ],
        [],
        [0x8b, 0x10a],
      ),
    );
    expect([0x49, 0xfe, 0x10, 0x8b, 0x10a].map((index) => all.get(index))).toEqual([
      'w',
      'r',
      'rw',
      'rw',
      'r',
    ]);
  });

  it('has the VMX MSRs that KVM will not let userspace set with nesting, and no VMX MSR without', () => {
    const six = [0x481, 0x482, 0x483, 0x484, 0x487, 0x489];
    const nested = permitted('intel', dataWith([VMX], [0x480], [0x480]));
    expect([0x480, ...six].map((index) => nested.get(index))).toEqual(Array(7).fill('r'));
    const flat = permitted('intel', dataWith([], [0x480, ...six], [0x480]));
    expect([...flat.keys()].filter((index) => index >= 0x480 && index <= 0x493)).toEqual([]);
  });

  it('has the SVM MSRs with nesting only, required or not', () => {
    expect(permitted('amd', dataWith([SVM])).get(0xc0010114)).toBe('rw');
    expect(permitted('amd', dataWith([SVM])).get(0xc0010117)).toBe('rw');
    const flat = permitted('amd', dataWith([], [0xc0010114, 0xc0010117, 0xc0000104]));
    expect([0xc0010114, 0xc0010117, 0xc0000104].filter((index) => flat.has(index))).toEqual([]);
  });

  it('has all Hyper-V MSRs when the profile requires one, else none', () => {
    const isHyperv = (index: number) => index >= 0x4000_0000 && index <= 0x4000_01ff;
    expect([...permitted('intel', dataWith([], [0x10])).keys()].filter(isHyperv)).toEqual([]);
    const on = [...permitted('amd', dataWith([], [0x4000_0010])).keys()].filter(isHyperv);
    expect(on).toContain(0x4000_0000);
    expect(on).toHaveLength(
      definitionsFor('amd').hyperv.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    );
  });

  it('permits IA32_XSS with XSAVES and only then, although it is a forbidden one', () => {
    for (const vendor of VENDORS) {
      expect(contains(definitionsFor(vendor).forbidden, 0xda0)).toBe(true);
      expect(permitted(vendor, dataWith([XSAVES])).get(0xda0)).toBe('rw');
      expect(permitted(vendor, dataWith([], [0xda0])).has(0xda0)).toBe(false);
    }
  });

  it('never permits forbidden, wholly denied or x2APIC MSRs, not even required ones', () => {
    const asked = [0x1d9, 0x345, 0xce, 0x802, 0x8ff];
    expect(asked.filter((index) => permitted('intel', dataWith([], asked, asked)).has(index))).toEqual([]);
    expect(permitted('amd', dataWith([], [0x10a], [0x10a])).has(0x10a)).toBe(false);
  });

  it('permits a required MSR that no table knows, and one whose bit is off', () => {
    const all = permitted('intel', dataWith([], [0x1f8, 0xdead]));
    expect([all.get(0x1f8), all.get(0xdead)]).toEqual(['r', 'rw']);
  });

  it('permits everything a shipped profile requires', () => {
    for (const name of catalogNames()) {
      const entry = catalogEntry(name);
      const { data } = profileDataFromWire(entry?.data ?? { cpuid: [] });
      const all = permitted(entry?.vendor ?? 'intel', data);
      expect(data.requiredMsrs.length).toBeGreaterThan(20);
      expect(data.requiredMsrs.filter((index) => !all.has(index))).toEqual([]);
    }
  });

  it('holds its laws for any profile', () => {
    fc.assert(
      fc.property(fc.constantFrom(...VENDORS), profileData, (vendor, data) => {
        const definitions = definitionsFor(vendor);
        const all = permittedMsrs({ vendor, data }, definitions);
        const indices = [...all.keys()];
        expect(indices).toEqual([...indices].sort((left, right) => left - right));
        expect(indices.filter(isX2apic)).toEqual([]);
        expect(indices.filter((index) => index !== 0xda0 && contains(definitions.forbidden, index))).toEqual(
          [],
        );
        const denied = definitions.featureMsrs.filter(({ use }) => use === 'deny').map(({ index }) => index);
        expect(denied.filter((index) => all.has(index))).toEqual([]);
        // Nothing permitted goes away when the profile shows more.
        const wide = { ...data, cpuid: data.cpuid.map((row) => ({ ...row, mask: U32_MAX, value: 0 })) };
        const more = permittedMsrs({ vendor, data: wide }, definitions);
        expect(indices.filter((index) => !more.has(index))).toEqual([]);
        if (showsNesting({ vendor, data })) expect(showsNesting({ vendor, data: wide })).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('BootMsrDenied', () => {
  it('finds nothing with our tables, whatever the profile', () => {
    fc.assert(
      fc.property(fc.constantFrom(...VENDORS), profileData, (vendor, data) => {
        expect(bootMsrGaps({ vendor, data }, definitionsFor(vendor))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('leaves reachable what a kernel needs although no host list and no adjustment names it', () => {
    const bits: Place[] = [XSAVES, LONG_MODE, [0x1, 0, 'edx', 12], [0x1, 0, 'edx', 14], [0x1, 0, 'edx', 16]];
    const both = [
      0x10, 0x1b, 0x8b, 0x179, 0x17a, 0x200, 0x20f, 0x250, 0x277, 0x2ff, 0xda0, 0xc0000080, 0xc0000102,
    ];
    const own = { intel: [0x3a, 0x1a0], amd: [0xc0010010, 0xc0010015, 0xc0011029] };
    for (const vendor of VENDORS) {
      const all = permitted(vendor, dataWith(bits));
      expect([...both, ...own[vendor]].filter((index) => !all.has(index))).toEqual([]);
    }
  });

  it('names what tables take from a guest kernel, and does not ask for what the profile does not announce', () => {
    const ours = definitionsFor('intel');
    const definitions = {
      ...ours,
      forbidden: [
        ...ours.forbidden,
        { first: 0x10, last: 0x1b, name: 'a mistake' },
        { first: 0xfe, last: 0xfe, name: 'x' },
      ],
    };
    expect(bootMsrGaps({ vendor: 'intel', data: dataWith([]) }, definitions)).toEqual([
      { index: 0x10, name: 'IA32_TIME_STAMP_COUNTER', access: 'rw' },
      { index: 0x1b, name: 'IA32_APIC_BASE', access: 'rw' },
    ]);
    const mtrr = bootMsrGaps({ vendor: 'intel', data: dataWith([[0x1, 0, 'edx', 12]]) }, definitions);
    expect(mtrr).toContainEqual({ index: 0xfe, name: 'IA32_MTRRCAP', access: 'r' });
  });
});
