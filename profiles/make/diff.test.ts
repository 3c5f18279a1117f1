import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { madeHost, madeProfile, type MadeHost, type MadeProfile } from '../../test/domain/made.ts';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { profileToWire } from '../model/profile.ts';
import { diffProfiles } from './diff-profiles.ts';
import { diffSnapshots } from './diff-snapshots.ts';

const hosts = (left: MadeHost, right: MadeHost) => diffSnapshots(madeHost(left), madeHost(right));
const profiles = (left: MadeProfile, right: MadeProfile) =>
  diffProfiles(madeProfile(left), madeProfile(right));
const short = (differences: ReturnType<typeof hosts>) =>
  differences.map(({ name, bits, change, left, right }) => [name, bits, change, left, right]);

describe('two snapshots', () => {
  test('bits by name and class, gains and losses by what they mean', () => {
    const differences = hosts(
      { cpuid: [[0x7, 0, 'ebx', 0x21]], msrs: [[0x10a, 0x1n]] },
      { cpuid: [[0x7, 0, 'ebx', 0x28]], msrs: [[0x10a, 0x8_0001n]] },
    );
    expect(differences).toMatchObject([
      { name: 'fsgsbase', bits: [0], class: 'isa', change: 'lost', left: '0x1', right: '0x0' },
      {
        name: 'bmi1',
        bits: [3],
        class: 'isa',
        change: 'gained',
        where: { leaf: '0x7', subleaf: '0x0', register: 'ebx' },
      },
      { name: 'RRSBA', bits: [19], class: 'mitigation', change: 'lost', where: { msr: '0x10a' } },
    ]);
  });
  test('numbers as a whole', () => {
    expect(short(hosts({ cpuid: [[0x7, 0, 'eax', 1]] }, { cpuid: [[0x7, 0, 'eax', 2]] }))).toEqual([
      ['leaf7_n_subleaves', [0, 1], 'gained', '0x1', '0x2'],
    ]);
  });
  test('bits without a name', () => {
    expect(short(hosts({}, { cpuid: [[0x1, 0, 'ecx', 0x1_0000]] }))).toEqual([
      ['bits without a name', [16], 'gained', '0x0', '0x1'],
    ]);
  });
  test('lists and capabilities', () => {
    const capabilities = { msrFilter: true, userSpaceMsr: true, nested: false };
    expect(
      short(hosts({ msrIndices: [0x10] }, { msrIndices: [0x174], msrs: [[0x10a, 0n]], capabilities })),
    ).toEqual([
      ['IA32_ARCH_CAPABILITIES', [], 'gained', 'absent', 'present'],
      ['IA32_TIME_STAMP_COUNTER, listed', [], 'lost', 'present', 'absent'],
      ['IA32_SYSENTER_CS, listed', [], 'gained', 'absent', 'present'],
      ['nested', [], 'lost', '0x1', '0x0'],
    ]);
  });
  test('a list that one side has not observed is said once', () => {
    expect(short(hosts({ msrs: null, source: 'raw' }, { msrs: [[0x10a, 0n]] }))).toEqual([
      ['source', [], 'changed', 'raw', 'kvm'],
      ['feature MSRs', [], 'changed', 'not observed', '1 entries'],
    ]);
  });
  test('two vendors differ in that alone', () => {
    expect(short(hosts({}, { vendor: 'amd', cpuid: [[0x7, 0, 'ebx', 1]] }))).toEqual([
      ['vendor', [], 'changed', 'intel', 'amd'],
    ]);
  });
  test('the same CPU under another kernel: what 6.12 adds to Rome and what it takes', () => {
    const recorded = recordedHosts();
    const of = (file: string) => recorded.find((host) => host.file === file)?.snapshot ?? madeHost({});
    const differences = diffSnapshots(of('linux-6.1-epyc-rome'), of('linux-6.12-epyc-rome'));
    const change = (name: string) => differences.find((each) => each.name === name)?.change;
    expect(change('flushbyasid')).toBe('gained');
    expect(change('HV_X64_MSR_TSC_INVARIANT_CONTROL, listed')).toBe('gained');
    expect(change('IA32_PERF_GLOBAL_CTRL, listed')).toBe('lost');
    expect(diffSnapshots(of('linux-6.12-epyc-rome'), of('linux-6.12-epyc-rome'))).toEqual([]);
  });
});

describe('two profiles', { timeout: 20_000 + 10 * lawRuns(100) }, () => {
  test('bits that are left to the host are neither a gain nor a loss', () => {
    expect(
      short(profiles({ cpuid: [[0x7, 0, 'ebx', 0x20]] }, { cpuid: [[0x7, 0, 'ebx', 0, 0x20]] })),
    ).toEqual([['avx2', [5], 'changed', '0x1', 'host']]);
  });
  test('a register that one side does not list is 0; ranges are compared stretch by stretch', () => {
    const differences = profiles(
      { cpuid: [[0xd, [5, 7], 'eax', 0x40]] },
      {
        cpuid: [
          [0xd, 5, 'eax', 0x40],
          [0xd, 6, 'eax', 0x200],
        ],
      },
    );
    expect(
      differences.map(({ where, left, right }) => ['leaf' in where && where.subleaf, left, right]),
    ).toEqual([
      ['0x6', '0x40', '0x200'],
      ['0x7', '0x40', '0x0'],
    ]);
  });
  test('MSRs, once each, and the filter', () => {
    const differences = profiles(
      { msrs: [[0x10a, 1n]], required: [0x10, 0x10a], filter: 'closed' },
      { msrs: [[0x48b, 0n]], required: [0x10, 0x174, 0x48b] },
    );
    expect(short(differences)).toEqual([
      ['IA32_ARCH_CAPABILITIES', [], 'lost', 'present', 'absent'],
      ['IA32_VMX_PROCBASED_CTLS2', [], 'gained', 'absent', 'present'],
      ['IA32_SYSENTER_CS, required', [], 'gained', 'absent', 'present'],
      ['filter mode', [], 'changed', 'closed', 'none'],
    ]);
  });
  test('the law: nothing differs exactly where the wire forms are equal but for zero registers, and sides swap', () => {
    fc.assert(
      fc.property(anyProfile, anyProfile, (left, right) => {
        expect(diffProfiles(left, left)).toEqual([]);
        const there = diffProfiles(left, right);
        const back = diffProfiles(right, left);
        expect(back).toHaveLength(there.length);
        const turned = { gained: 'lost', lost: 'gained', changed: 'changed' } as const;
        const key = (each: (typeof there)[number]) =>
          `${JSON.stringify(each.where)} ${each.name} ${each.bits.join()} ${each.left} ${each.right} ${each.change}`;
        const swapped = back.map((each) => ({
          ...each,
          left: each.right,
          right: each.left,
          change: turned[each.change],
        }));
        expect(swapped.map(key).sort()).toEqual(there.map(key).sort());
        if (there.length === 0) {
          const wire = (profile: typeof left) => {
            const { data, ...rest } = profileToWire(profile);
            return {
              ...rest,
              data: {
                ...data,
                cpuid: data.cpuid.filter(({ mask, value }) => mask !== '0x0' || value !== '0x0'),
              },
            };
          };
          expect(wire(left)).toEqual(wire(right));
        }
      }),
      { numRuns: lawRuns(100) },
    );
  });
});
