import { describe, expect, test } from 'vitest';
import { withEmulated } from '../../test/domain/arbitrary-pool.ts';
import { AMD, madeHost, type MadeHost } from '../../test/domain/made.ts';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';
import type { ProfileOptions } from '../model/profile.ts';
import { snapshotName } from '../model/snapshot.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { baseline } from './baseline.ts';
import { explainBaseline } from './baseline-explain.ts';
import { signatureOrder } from './baseline-meet.ts';
import { diffData } from './diff-profiles.ts';

const ARCH_BIT = [0x7, 0, 'edx', 0x2000_0000] as const;
/** Brand leaves and the bits that every KVM emulates are there without being said. */
const complete = ({ cpuid = [], ...rest }: MadeHost) =>
  withEmulated(madeHost({ ...rest, cpuid: [[0x8000_0000, 0, 'eax', 0x8000_0008], ...BRAND, ...cpuid] }));
const BRAND = [0x8000_0002, 0x8000_0003, 0x8000_0004].map((leaf) => [leaf, 0, 'eax', 0x20] as const);

const pool = (hosts: readonly MadeHost[], options?: ProfileOptions) => {
  const snapshots = hosts.map((host) => complete(host));
  return { ...baseline('pool', snapshots, options), names: snapshots.map(snapshotName) };
};
const word = (
  made: ReturnType<typeof pool>,
  leaf: number,
  subleaf: number,
  register: 'eax' | 'ebx' | 'ecx' | 'edx',
) => adjustmentAt(made.data, leaf, subleaf, register)?.value;
const msr = (made: ReturnType<typeof pool>, index: number) =>
  made.data.featureMsrs.find((each) => each.index === index)?.value;

describe('each relation', () => {
  test('subset: AND; the limit names field, bit and who lacks it', () => {
    const made = pool([{ cpuid: [[0x7, 0, 'ebx', 0x28]] }, { cpuid: [[0x7, 0, 'ebx', 0x8]] }]);
    expect(word(made, 0x7, 0, 'ebx')).toBe(0x8);
    expect(made.limitedBy).toEqual([
      {
        where: { leaf: '0x7', subleaf: '0x0', register: 'ebx' },
        bits: [5],
        name: 'avx2',
        class: 'isa',
        relation: 'subset',
        snapshots: [made.names[1]],
      },
    ]);
  });
  test('superset: RSBA and RRSBA by OR, immunities by AND', () => {
    const made = pool([
      { cpuid: [ARCH_BIT], msrs: [[0x10a, 0x2_000bn]] },
      { cpuid: [ARCH_BIT], msrs: [[0x10a, 0xa_002bn]] },
      { cpuid: [ARCH_BIT], msrs: [[0x10a, 0x2_000fn]] },
    ]);
    expect(msr(made, 0x10a)).toBe(0xa_000fn);
    expect(made.limitedBy.map(({ name, relation, snapshots }) => [name, relation, snapshots])).toEqual([
      ['RSBA', 'superset', [made.names[2]]],
      ['MDS_NO', 'subset', [made.names[0], made.names[2]].sort()],
      ['RRSBA', 'superset', [made.names[1]]],
    ]);
  });
  test('at-most: the least', () => {
    const made = pool([{ cpuid: [[0x7, 0, 'eax', 2]] }, { cpuid: [[0x7, 0, 'eax', 1]] }]);
    expect(word(made, 0x7, 0, 'eax')).toBe(1);
    expect(made.limitedBy).toMatchObject([{ name: 'leaf7_n_subleaves', snapshots: [made.names[1]] }]);
  });
  test('identity: of the member with the lowest family, model and stepping, whatever the order', () => {
    // Model 0x8f stepping 2 is above model 0x6a stepping 6, though the stepping is lower.
    const hosts = [{ cpuid: [[0x1, 0, 'eax', 0x806f2]] }, { cpuid: [[0x1, 0, 'eax', 0x606a6]] }] as const;
    expect(word(pool(hosts), 0x1, 0, 'eax')).toBe(0x606a6);
    expect(word(pool([...hosts].reverse()), 0x1, 0, 'eax')).toBe(0x606a6);
    expect(signatureOrder(0xa00f11)).toBeGreaterThan(signatureOrder(0x830f10));
    expect(signatureOrder(0x806f2)).toBeGreaterThan(signatureOrder(0x606a6));
  });
  test('ignore: what all agree on stays, the rest is not taken', () => {
    const vmx = Array.from({ length: 0x12 }, (_, i) => [0x480 + i, 0n] as const);
    const misc = (value: bigint) => vmx.map(([index]) => [index, index === 0x485 ? value : 0n] as const);
    const nested = (value: bigint): MadeHost => ({ msrs: misc(value), msrIndices: [0x3a] });
    const made = pool([nested(0x7_0000_0000n), nested(0x8_0000_0000n)], { nested: true });
    expect(msr(made, 0x485)).toBe(0n);
  });
});

describe('equal, and its owners', () => {
  const xsave = (offset: number): MadeHost => ({
    cpuid: [
      [0x1, 0, 'ecx', 0x1c00_1000],
      [0x7, 0, 'ebx', 0x28],
      [0xd, 0, 'eax', 7],
      [0xd, 2, 'eax', 0x100],
      [0xd, 2, 'ebx', offset],
    ],
  });
  test('sizes that agree stay, and the whole size is computed from them', () => {
    const made = pool([xsave(0x240), { ...xsave(0x240), msrIndices: [0x10] }]);
    expect(word(made, 0xd, 0, 'eax')).toBe(7);
    expect(word(made, 0xd, 2, 'ebx')).toBe(0x240);
    expect(word(made, 0xd, 0, 'ecx')).toBe(0x340);
  });
  test('sizes that differ drop the component and what needs it', () => {
    const made = pool([xsave(0x240), xsave(0x280)]);
    expect(word(made, 0xd, 0, 'eax')).toBe(3);
    expect(word(made, 0xd, 2, 'eax')).toBe(0);
    expect(word(made, 0xd, 0, 'ecx')).toBe(0x240);
    // AVX, FMA and AVX2 are gone; XSAVE and BMI1 are not.
    expect(word(made, 0x1, 0, 'ecx')).toBe(0x0420_0000);
    expect(word(made, 0x7, 0, 'ebx')).toBe(8);
    expect(made.limitedBy.map((limit) => [limit.name, limit.with])).toEqual([
      ['fma', 'xsave_offset'],
      ['avx', 'xsave_offset'],
      ['avx2', 'xsave_offset'],
      ['xcr0_avx', 'xsave_offset'],
    ]);
  });
  test('reserved bits of IA32_ARCH_CAPABILITIES that differ drop the MSR and its bit, and hidden defects are said', () => {
    const host = (value: bigint): MadeHost => ({
      cpuid: [ARCH_BIT],
      msrs: [[0x10a, value]],
      msrIndices: [0x10a],
    });
    const made = pool([host(0x1n), host(0x8000_0000_0008_0001n)]);
    expect(msr(made, 0x10a)).toBeUndefined();
    expect(made.data.requiredMsrs).not.toContain(0x10a);
    expect(word(made, 0x7, 0, 'edx')).toBe(0);
    expect(made.warnings).toEqual([expect.stringMatching(/not told of RRSBA/)]);
  });
  test('a value that nobody owns means that there is no common profile', () => {
    const [left, right] = [complete({}), complete({ cpuid: [[0, 0, 'ebx', 1]] })];
    expect(() => baseline('pool', [left, right])).toThrow(/cpu_vendorid_0 .* must be the same/);
  });
});

describe('MSRs and options', () => {
  test('a feature MSR that one member lacks goes with the bit that announces it', () => {
    const made = pool([{ cpuid: [ARCH_BIT], msrs: [[0x10a, 1n]] }, { cpuid: [ARCH_BIT] }]);
    expect(made.data.featureMsrs).toEqual([]);
    expect(word(made, 0x7, 0, 'edx')).toBe(0);
    expect(made.limitedBy.map(({ name, snapshots }) => [name, snapshots])).toEqual([
      ['arch_capabilities', [made.names[1]]],
      ['IA32_ARCH_CAPABILITIES', [made.names[1]]],
    ]);
  });
  test('required MSRs intersect', () => {
    const made = pool([{ msrIndices: [0x10, 0x174, 0x175] }, { msrIndices: [0x10, 0x175] }]);
    expect(made.data.requiredMsrs).toEqual([0x10, 0x175]);
    expect(made.limitedBy).toMatchObject([{ where: { msr: '0x174' }, snapshots: [made.names[1]] }]);
  });
  test('an option that some members lack is left out and said; one that nobody has is refused', () => {
    const capabilities = { msrFilter: true, userSpaceMsr: true, nested: false };
    const made = pool([{}, { capabilities }], { nested: true });
    expect(word(made, 0x1, 0, 'ecx')).toBe(0x20_0000);
    expect(made.warnings).toEqual([
      `options.nested: asked for and left out: ${made.names[1] ?? ''} offer nothing of it`,
    ]);
    expect(made.limitedBy).toMatchObject([{ name: 'vmx', bits: [5], snapshots: [made.names[1]] }]);
    expect(() => pool([{ capabilities }, { capabilities, msrIndices: [1] }], { nested: true })).toThrow(
      /options.nested: asked for, and no host/,
    );
  });
  test('VMX controls that contradict each other drop nesting', () => {
    const vmx = (value: bigint): MadeHost => ({
      msrs: Array.from({ length: 0x12 }, (_, i) => [0x480 + i, i === 0xd ? value : 0n]),
      msrIndices: [0x3a],
    });
    const made = pool([vmx(0x4_0000_0004n), vmx(0n)], { nested: true });
    expect(made.data.featureMsrs).toEqual([]);
    expect(made.warnings).toEqual([expect.stringMatching(/no set of VMX controls in common/)]);
  });
});

describe('what is refused', () => {
  test.each([
    ['an empty pool', [], /at least one host/],
    ['two vendors', [{}, { vendor: 'amd' }], /no guest moves between vendors/],
    ['a raw dump', [{}, { source: 'raw' }], /its source is raw/],
    ['a partial one', [{}, { partial: true }], /it is partial/],
    ['feature MSRs that were not observed', [{}, { msrs: null }], /feature MSRs were not observed/],
    ['an index list that was not observed', [{}, { msrIndices: undefined }], /index list was not observed/],
    [
      'a feature MSR that no table knows',
      [{}, { msrs: [[0xcf, 0n]] }],
      /snapshot intel-[0-9a-f]{16}: .*0xcf/,
    ],
  ] as const)('%s', (_, hosts, message) => {
    expect(() => pool(hosts)).toThrow(message);
  });
});

describe('recorded hosts', () => {
  const hosts = recordedHosts().filter(({ snapshot: { source, partial } }) => source === 'kvm' && !partial);
  const named = (file: string) => {
    const found = hosts.find((host) => host.file === file);
    if (found === undefined) throw new Error(`no recorded host ${file}`);
    return found;
  };
  const epyc = [named('linux-6.12-epyc'), named('linux-6.12-epyc-rome'), named('linux-6.12-epyc-milan')];

  test('the oldest generation limits, and the pool without it gains what the others have', () => {
    const snapshots = epyc.map(({ snapshot }) => snapshot);
    const made = baseline('pool', snapshots);
    const explained = explainBaseline('pool', snapshots, {}, made);
    expect(explained.hosts[0]?.snapshot).toBe(epyc[0]?.name);
    expect(explained.features).toHaveLength(made.limitedBy.length);
    expect(explained.features[0]?.snapshots).toHaveLength(1);
    expect(explained.without.snapshots[0]).toBe(epyc[0]?.name);
    expect(explained.without.snapshots).toHaveLength(2);
    const gained = explained.without.gains.map(({ name }) => name);
    expect(gained).toContain('umip');
  });
  test('what the explanation says the rest would gain is what its own baseline has more', () => {
    const snapshots = hosts.map(({ snapshot }) => snapshot);
    const made = baseline('pool', snapshots);
    const { without } = explainBaseline('pool', snapshots, {}, made);
    expect(without.snapshots).toHaveLength(3);
    const rest = snapshots.filter((snapshot) => !without.snapshots.includes(snapshotName(snapshot)));
    expect(
      diffData(made.data, baseline('pool', rest).data, AMD).filter(({ change }) => change === 'gained'),
    ).toEqual(without.gains);
    expect(without.gains.length).toBeGreaterThan(0);
  });
  test('one host has nothing to explain', () => {
    const snapshots = [named('linux-6.1-epyc').snapshot];
    expect(explainBaseline('pool', snapshots, {}).without).toEqual({ snapshots: [], gains: [] });
  });
});
