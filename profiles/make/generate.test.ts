import { describe, expect, test } from 'vitest';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';
import { madeHost, type CpuidRow, type MadeHost } from '../../test/domain/made.ts';
import { profileDataToWire, type Profile, type ProfileOptions } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { check } from '../verdict/check.ts';
import { accept } from './accept.ts';
import { brandIn } from './brand.ts';
import { generate } from './generate.ts';

const hosts = recordedHosts();
const kvmHosts = hosts.filter(({ snapshot }) => snapshot.source === 'kvm');
const host = (file: string) => {
  const found = hosts.find((candidate) => candidate.file === file);
  if (found === undefined) throw new Error(`no recorded host ${file}`);
  return found.snapshot;
};
const made = (snapshot: MadeHost, options?: ProfileOptions) =>
  generate('p', madeHost(snapshot), options).data;
const value = (data: ReturnType<typeof made>, ...[leaf, subleaf, register]: [number, number, CpuidRow[2]]) =>
  adjustmentAt(data, leaf, subleaf, register);

describe.each(kvmHosts)('$file', ({ snapshot }) => {
  const generated = generate('pool-a-v1', snapshot);
  const profile: Profile = { vendor: generated.vendor, data: generated.data, filter: 'closed' };

  test('gives a profile that is accepted and Yes on its own host', () => {
    const acceptance = accept('pool-a-v1', {
      vendor: generated.vendor,
      data: profileDataToWire(generated.data),
    });
    expect(acceptance.accepted ? '' : acceptance.message).toBe('');
    expect(check(profile, snapshot)).toEqual({ compatible: 'Yes', findings: [] });
  });
  test('bears its name, and neither nesting nor Hyper-V', () => {
    expect(brandIn(generated.data)).toBe('AMD pool-a-v1');
    expect(adjustmentAt(generated.data, 0x8000_0001, 0, 'ecx')?.value ?? 0).not.toBe(0);
    expect((adjustmentAt(generated.data, 0x8000_0001, 0, 'ecx')?.value ?? 0) & 4).toBe(0);
    for (const index of [0xc000_0104, 0xc001_0114, 0xc001_0117, 0x4000_0000, 0x10a, 0x345, 0xce]) {
      expect(generated.data.requiredMsrs).not.toContain(index);
    }
  });
  test('is No with the bit named once the profile asks for one bit more', () => {
    const { data } = generated;
    const more: Profile = {
      ...profile,
      // LWP, 80000001:ECX[15]: nobody has it.
      data: {
        ...data,
        cpuid: data.cpuid.map((entry) =>
          entry.leaf === 0x8000_0001 && entry.register === 'ecx'
            ? { ...entry, value: entry.value + 0x8000 }
            : entry,
        ),
      },
    };
    expect(check(more, snapshot)).toMatchObject({
      compatible: 'No',
      findings: [{ code: 'CpuidBitsMissing', name: 'lwp', bits: [15] }],
    });
  });
  test('is Unknown where MSRs were not observed', () => {
    expect(check(profile, { ...snapshot, featureMsrs: undefined }).compatible).toBe('Unknown');
    expect(check(profile, { ...snapshot, featureMsrs: undefined, msrIndices: undefined }).compatible).toBe(
      'Unknown',
    );
  });
});

describe('between recorded hosts', () => {
  const verdict = (from: string, on: string) => {
    const { vendor, data } = generate('p', host(from));
    return check({ vendor, data, filter: 'closed' }, host(on));
  };
  test.each(['epyc', 'epyc-rome', 'epyc-milan'])('%s moves between kernels 6.1 and 6.12', (cpu) => {
    expect(verdict(`linux-6.1-${cpu}`, `linux-6.12-${cpu}`).compatible).toBe('Yes');
    expect(verdict(`linux-6.12-${cpu}`, `linux-6.1-${cpu}`).compatible).toBe('Yes');
  });
  test('Rome without CLWB: one way yes, the other way no for that one bit', () => {
    expect(verdict('linux-6.1-epyc-rome-no-clwb', 'linux-6.1-epyc-rome').compatible).toBe('Yes');
    expect(verdict('linux-6.1-epyc-rome', 'linux-6.1-epyc-rome-no-clwb')).toMatchObject({
      compatible: 'No',
      findings: [{ name: 'clwb', bits: [24] }],
    });
  });
  test('an older generation fits where the newer does not', () => {
    expect(verdict('linux-6.12-epyc', 'linux-6.12-epyc-rome').compatible).toBe('Yes');
    expect(verdict('linux-6.12-epyc-rome', 'linux-6.12-epyc').compatible).toBe('No');
  });
});

describe('policies', () => {
  test('undefined bits: 0 in CPUID, the host in a feature MSR', () => {
    const data = made({
      cpuid: [[0x7, 1, 'ebx', 0xffff_ffff]],
      msrs: [[0x10a, (1n << 45n) | (1n << 9n) | 1n]],
    });
    expect(value(data, 0x7, 1, 'ebx')).toMatchObject({ mask: 0, value: 0 });
    expect(data.featureMsrs).toEqual([{ index: 0x10a, mask: 0n, value: (1n << 45n) | 1n }]);
  });
  test('a subleaf range is split by what the host reports', () => {
    const data = made({
      cpuid: [
        [0x4, 0, 'eax', 1],
        [0x4, 2, 'eax', 1],
      ],
    });
    const ranges = data.cpuid
      .filter(({ leaf, register }) => leaf === 4 && register === 'ebx')
      .map(({ subleaf, lastSubleaf }) => [subleaf, lastSubleaf]);
    expect(ranges).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 0xffff_ffff],
    ]);
  });
  test('a static 1 in a leaf that the host does not have is 0: there is no place for it', () => {
    const with6 = made({ cpuid: [[0x6, 0, 'eax', 0]] });
    expect(value(with6, 0x6, 0, 'eax')).toMatchObject({ mask: 0, value: 4 });
    expect(value(made({}), 0x6, 0, 'eax')).toMatchObject({ mask: 0, value: 0 });
  });
  test('the size of the XSAVE area follows the components that are left', () => {
    const data = made({
      cpuid: [
        [0xd, 0, 'eax', 0x6_02e7],
        [0xd, 0, 'ecx', 0x2b00],
        [0xd, 2, 'eax', 0x100],
        [0xd, 2, 'ebx', 0x240],
        [0xd, 7, 'eax', 0x400],
        [0xd, 7, 'ebx', 0x680],
        [0xd, 9, 'eax', 8],
        [0xd, 9, 'ebx', 0xa80],
      ],
    });
    expect(value(data, 0xd, 0, 'eax')).toMatchObject({ mask: 0, value: 0xe7 });
    expect(value(data, 0xd, 0, 'ecx')).toMatchObject({ mask: 0, value: 0xa80 });
  });
  test('set-refusing MSRs are required with nesting, never adjusted; without it nothing of VMX is left', () => {
    const vmx: MadeHost = {
      cpuid: [[0x1, 0, 'ecx', 0]],
      msrs: [
        [0x480, 1n],
        [0x481, 0x16n],
        [0x48b, 0n],
      ],
      msrIndices: [0x3a, 0xda0, 0x10],
    };
    const nested = made(vmx, { nested: true });
    expect(nested.featureMsrs.map(({ index }) => index)).toEqual([0x480, 0x48b]);
    expect(nested.requiredMsrs).toEqual([0x10, 0x3a, 0x480, 0x481, 0x48b]);
    const plain = made(vmx);
    expect(plain.featureMsrs).toEqual([]);
    expect(plain.requiredMsrs).toEqual([0x10, 0x3a]);
    expect((value(plain, 1, 0, 'ecx')?.value ?? 0) & 0x20).toBe(0);
  });
  test('Hyper-V MSRs only where asked for', () => {
    const listed: MadeHost = { msrIndices: [0x10, 0x4000_0000] };
    expect(made(listed).requiredMsrs).toEqual([0x10]);
    expect(made(listed, { hyperv: true }).requiredMsrs).toEqual([0x10, 0x4000_0000]);
  });
  test("AMD's 7.0:EDX[26] is 0 when IBPB and IBRS are announced by 0x80000008:EBX", () => {
    const spec = (ebx: number) =>
      value(
        made({
          vendor: 'amd',
          cpuid: [
            [0x7, 0, 'edx', 1 << 26],
            [0x8000_0008, 0, 'ebx', ebx],
          ],
        }),
        0x7,
        0,
        'edx',
      )?.value;
    expect(spec(0x5000)).toBe(0);
    expect(spec(0x1000)).toBe(1 << 26);
  });
});

describe('what it says and refuses', () => {
  const refused =
    (snapshot: MadeHost, options?: ProfileOptions, name = 'p') =>
    () =>
      generate(name, madeHost(snapshot), options);
  test('a listed MSR that no table knows is a warning naming it', () => {
    expect(generate('p', madeHost({ msrIndices: [0x10, 0x7777, 0x1d9] })).warnings).toEqual([
      expect.stringMatching(/MSR 0x7777,/),
    ]);
  });
  test("a snapshot that is not KVM's own complete answer is a warning", () => {
    expect(generate('p', madeHost({ source: 'raw', partial: true })).warnings).toHaveLength(2);
  });
  test('an unknown feature MSR is an error', () => {
    expect(refused({ msrs: [[0xcf, 0n]] })).toThrow(/featureMsrs: .*0xcf/);
  });
  test('lists that were not observed', () => {
    expect(refused({ msrs: null })).toThrow(/featureMsrs: not observed/);
    expect(refused({ msrIndices: undefined })).toThrow(/msrIndices: not observed/);
  });
  test('options of which the host has nothing', () => {
    const capabilities = { msrFilter: true, userSpaceMsr: true, nested: false };
    expect(refused({ capabilities }, { nested: true })).toThrow(/options\.nested/);
    expect(refused({}, { amx: true })).toThrow(/options\.amx/);
    expect(refused({}, { hyperv: true })).toThrow(/options\.hyperv/);
  });
  test('a name that does not fit', () => {
    expect(refused({}, {}, 'n'.repeat(42))).toThrow(/name: .*42 characters/);
  });
});
