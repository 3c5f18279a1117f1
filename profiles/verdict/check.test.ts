import { describe, expect, test } from 'vitest';
import {
  madeHost,
  madeProfile,
  type CpuidRow,
  type MadeHost,
  type MadeProfile,
} from '../../test/domain/made.ts';
import type { Finding } from '../model/finding.ts';
import { check } from './check.ts';

const verdict = (profile: MadeProfile, host: MadeHost) => check(madeProfile(profile), madeHost(host));
const codes = (findings: readonly Finding[]) => findings.map(({ code }) => code);

describe('relations', () => {
  test('subset: the missing bit is named, with both registers', () => {
    const { compatible, findings } = verdict(
      { cpuid: [[0x7, 0, 'ebx', 0x20020]] },
      { cpuid: [[0x7, 0, 'ebx', 0x10020]] },
    );
    expect(compatible).toBe('No');
    expect(findings).toEqual([
      {
        code: 'CpuidBitsMissing',
        severity: 'error',
        where: { leaf: '0x7', subleaf: '0x0', register: 'ebx' },
        bits: [17],
        name: 'avx512dq',
        class: 'isa',
        relation: 'subset',
        profile: '0x20020',
        host: '0x10020',
        message: 'The profile shows guests avx512dq (CPUID 7.0:EBX[17]), which this host does not offer.',
      },
    ]);
  });

  test('at-most: a lower value on the host', () => {
    const { compatible, findings } = verdict(
      { cpuid: [[0x7, 0, 'eax', 2]] },
      { cpuid: [[0x7, 0, 'eax', 1]] },
    );
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      { code: 'CpuidValueTooLow', name: 'leaf7_n_subleaves', profile: '0x2', host: '0x1' },
    ]);
    expect(verdict({ cpuid: [[0x7, 0, 'eax', 1]] }, { cpuid: [[0x7, 0, 'eax', 2]] }).compatible).toBe('Yes');
  });

  test('superset: RSBA and RRSBA that appear are unwanted, each on its own', () => {
    const { compatible, findings } = verdict({ msrs: [[0x10a, 0x4n]] }, { msrs: [[0x10a, 0x8_0004n]] });
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      { code: 'MsrBitsUnwanted', name: 'RRSBA', bits: [19], class: 'mitigation' },
    ]);
    expect(verdict({ msrs: [[0x10a, 0x8_0004n]] }, { msrs: [[0x10a, 0n]] }).compatible).toBe('Yes');
  });

  test('VMX halves: a control that must be 1 here is unwanted, one that may not be 1 is missing', () => {
    const { findings } = verdict({ msrs: [[0x48d, 0xff_0000_0016n]] }, { msrs: [[0x48d, 0x7f_0000_001en]] });
    expect(findings).toMatchObject([
      { code: 'MsrBitsUnwanted', bits: [3] },
      { code: 'MsrBitsMissing', bits: [39] },
    ]);
  });

  test('equal: bits of IA32_ARCH_CAPABILITIES that nobody has defined', () => {
    const { compatible, findings } = verdict({ msrs: [[0x10a, 0n]] }, { msrs: [[0x10a, 1n << 40n]] });
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([{ code: 'MsrValueDiffers', bits: [40] }]);
  });

  test('undefined bits of other feature MSRs are subset: a new KVM bit refuses no old profile', () => {
    expect(verdict({ msrs: [[0x48c, 0n]] }, { msrs: [[0x48c, 1n << 60n]] }).compatible).toBe('Yes');
    expect(verdict({ msrs: [[0x48c, 1n << 60n]] }, { msrs: [[0x48c, 0n]] }).compatible).toBe('No');
  });

  test('an MSR that no table knows must be exactly the same', () => {
    expect(verdict({ msrs: [[0xcf, 0n]] }, { msrs: [[0xcf, 0x20n]] }).compatible).toBe('No');
    expect(verdict({ msrs: [[0xcf, 0x20n]] }, { msrs: [[0xcf, 0x20n]] }).compatible).toBe('Yes');
  });

  test('identity never fails a host', () => {
    expect(
      verdict({ cpuid: [[0x1, 0, 'eax', 0x50654]] }, { cpuid: [[0x1, 0, 'eax', 0x806f8]] }).compatible,
    ).toBe('Yes');
  });

  test('bits that shine through are never compared', () => {
    const passing: CpuidRow = [0x7, 0, 'ebx', 0, 0xffff_ffff];
    expect(
      verdict(
        { cpuid: [passing], msrs: [[0x10a, 0n, 1n << 19n]] },
        { cpuid: [[0x7, 0, 'ebx', 0]], msrs: [[0x10a, 1n << 19n]] },
      ).compatible,
    ).toBe('Yes');
  });

  test.each([
    ['a bit without a row', [0x1, 0, 'ecx', 0x1_0000], [0x1, 0, 'ecx', 0]],
    ['a register without a row', [0x24, 0, 'edx', 0x8000_0000], [0x24, 0, 'edx', 0x7fff_ffff]],
  ] as const)('%s that a profile fixes to 1 does not escape', (_what, profile, host) => {
    const { compatible, findings } = verdict({ cpuid: [profile] }, { cpuid: [host] });
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      { code: 'CpuidBitsMissing', name: 'bits without a name', relation: 'subset' },
    ]);
    expect(verdict({ cpuid: [profile] }, { cpuid: [profile] }).compatible).toBe('Yes');
  });
});

describe('fields that belong to a feature', () => {
  const host: CpuidRow[] = [
    [0xd, 0, 'eax', 0x7],
    [0xd, 2, 'eax', 0x100],
    [0xd, 2, 'ebx', 0x240],
  ];
  test('the size of a component that is not offered matters to nobody', () => {
    expect(
      verdict(
        {
          cpuid: [
            [0xd, 0, 'eax', 0x3],
            [0xd, 2, 'eax', 0],
          ],
        },
        { cpuid: host },
      ).compatible,
    ).toBe('Yes');
  });
  test('offered, it must be the same', () => {
    const { findings } = verdict(
      {
        cpuid: [
          [0xd, 0, 'eax', 0x7],
          [0xd, 2, 'eax', 0x140],
          [0xd, 2, 'ebx', 0x240],
        ],
      },
      { cpuid: host },
    );
    expect(findings).toMatchObject([
      { code: 'CpuidValueDiffers', name: 'xsave_sz', profile: '0x140', host: '0x100' },
    ]);
  });
  test('offered and not listed, guests would see a size of 0', () => {
    const { findings } = verdict({ cpuid: [[0xd, 0, 'eax', 0x7]] }, { cpuid: host });
    expect(codes(findings)).toEqual(['CpuidValueDiffers', 'CpuidValueDiffers']);
  });
});

describe('the largest leaf', () => {
  const profile: MadeProfile = {
    cpuid: [
      [0, 0, 'eax', 0x20],
      [0x6, 0, 'eax', 4],
    ],
  };
  test('counts as far as the profile fixes bits: kernels end leaf 0 where they like', () => {
    expect(
      verdict(profile, {
        cpuid: [
          [0, 0, 'eax', 0xd],
          [0x6, 0, 'eax', 4],
        ],
      }).compatible,
    ).toBe('Yes');
  });
  test('a host that ends below is refused', () => {
    const { findings } = verdict(profile, {
      cpuid: [
        [0, 0, 'eax', 0x5],
        [0x6, 0, 'eax', 4],
      ],
    });
    expect(findings).toMatchObject([
      { code: 'CpuidValueTooLow', name: 'max_std_leaf', profile: '0x6', host: '0x5' },
    ]);
  });
});

describe('what has no place on the host', () => {
  test('fixed bits without a CPUID entry', () => {
    const { compatible, findings } = verdict({ cpuid: [[0x7, 1, 'eax', 0x10]] }, {});
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      {
        code: 'CpuidEntryMissing',
        name: 'avx_vnni',
        bits: [4],
        where: { leaf: '0x7', subleaf: '0x1', register: 'eax' },
      },
    ]);
  });
  test('not what is written later anyway', () => {
    expect(
      verdict(
        {
          cpuid: [
            [0x1f, 0, 'ebx', 4],
            [0x1, 0, 'edx', 1 << 28],
          ],
        },
        {},
      ).compatible,
    ).toBe('Yes');
  });
  test('a feature MSR', () => {
    const { compatible, findings } = verdict({ msrs: [[0x10a, 0n]] }, {});
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      { code: 'FeatureMsrMissing', where: { msr: '0x10a' }, name: 'IA32_ARCH_CAPABILITIES' },
    ]);
  });
  test('required MSRs may stand in the feature list or in the index list', () => {
    const { compatible, findings } = verdict(
      { required: [0x10, 0x481, 0x4b56_4d02] },
      { msrs: [[0x481, 0n]], msrIndices: [0x10] },
    );
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      { code: 'RequiredMsrMissing', where: { msr: '0x4b564d02' }, class: 'paravirt' },
    ]);
  });
});

describe('capabilities', () => {
  const none = { msrFilter: false, userSpaceMsr: false, nested: false };
  test('a filter needs the MSR filter', () => {
    expect(verdict({ filter: 'closed' }, { capabilities: none }).findings).toMatchObject([
      { code: 'CapabilityMissing', name: 'msrFilter', where: {} },
    ]);
    expect(verdict({ filter: 'none' }, { capabilities: none }).compatible).toBe('Yes');
  });
  test.each([
    ['VMX', 'intel', [0x1, 0, 'ecx', 0x20]],
    ['SVM', 'amd', [0x8000_0001, 0, 'ecx', 0x4]],
  ] as const)('%s needs nesting', (_name, vendor, row) => {
    const { compatible, findings } = verdict(
      { vendor, cpuid: [row] },
      { vendor, cpuid: [[0x8000_0000, 0, 'eax', 0x8000_0021], row], capabilities: none },
    );
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([{ code: 'CapabilityMissing', name: 'nested', class: 'virtualization' }]);
  });
});

describe('what was not observed', () => {
  const profile: MadeProfile = { cpuid: [[0x7, 0, 'ebx', 0x20]], msrs: [[0x10a, 0n]], required: [0x10] };
  const host: MadeHost = { cpuid: [[0x7, 0, 'ebx', 0x20]], msrs: [[0x10a, 0n]], msrIndices: [0x10] };
  test('everything observed is Yes', () => {
    expect(verdict(profile, host)).toEqual({ compatible: 'Yes', findings: [] });
  });
  test.each([
    ['no feature list', { ...host, msrs: null }],
    ['no index list', { ...host, msrIndices: undefined }],
    ['partial', { ...host, partial: true }],
    ['partial, without the leaf', { ...host, partial: true, cpuid: [] }],
    ['partial, without the MSRs', { ...host, partial: true, msrs: [], msrIndices: [] }],
    [
      'partial, without capabilities',
      { ...host, partial: true, capabilities: { msrFilter: false, userSpaceMsr: false, nested: false } },
    ],
    ['raw', { ...host, source: 'raw' }],
    ['guest', { ...host, source: 'guest' }],
  ] satisfies [string, MadeHost][])('%s is Unknown', (_what, seen) => {
    const { compatible, findings } = verdict({ ...profile, filter: 'closed' }, seen);
    expect(compatible).toBe('Unknown');
    expect(findings.every(({ code, severity }) => code === 'NotObserved' && severity === 'warning')).toBe(
      true,
    );
    expect(findings.length).toBeGreaterThan(0);
  });
  test('what is seen to be missing is No all the same', () => {
    for (const view of [{ partial: true }, { source: 'raw' }, { source: 'guest' }] as const) {
      expect(verdict(profile, { ...host, ...view, cpuid: [[0x7, 0, 'ebx', 0x10]] }).compatible).toBe('No');
    }
  });
  test('in a partial dump a register of zeros says nothing', () => {
    expect(verdict(profile, { ...host, partial: true, cpuid: [[0x7, 0, 'ebx', 0]] }).compatible).toBe(
      'Unknown',
    );
  });
  test('a raw dump does not tell what KVM emulates', () => {
    const x2apic: MadeProfile = { cpuid: [[0x1, 0, 'ecx', 0x20_0001]] };
    const seen = verdict(x2apic, { source: 'raw', cpuid: [[0x1, 0, 'ecx', 1]] });
    expect(seen.compatible).toBe('Unknown');
    expect(seen.findings[0]).toMatchObject({ code: 'NotObserved', name: 'x2apic', bits: [21] });
    expect(verdict(x2apic, { cpuid: [[0x1, 0, 'ecx', 1]] }).compatible).toBe('No');
  });
});

describe('vendor', () => {
  test('another vendor is one finding and nothing else', () => {
    const { compatible, findings } = verdict(
      { vendor: 'intel', cpuid: [[0x7, 0, 'ebx', 0xffff]], filter: 'closed' },
      { vendor: 'amd', source: 'raw' },
    );
    expect(compatible).toBe('No');
    expect(findings).toMatchObject([
      { code: 'VendorMismatch', profile: '0x756e6547', host: '0x68747541', class: 'identity' },
    ]);
  });
});

describe('tolerance and causes', () => {
  const immune = 0xe120n;
  test('FB_CLEAR alone missing on an immune host is a note', () => {
    const { compatible, findings } = verdict({ msrs: [[0x10a, 0x2_0000n]] }, { msrs: [[0x10a, immune]] });
    expect(compatible).toBe('Yes');
    expect(findings).toMatchObject([
      { code: 'FbClearTolerated', severity: 'note', bits: [17], name: 'FB_CLEAR' },
    ]);
  });
  test('on a host that is not immune it is missing', () => {
    expect(verdict({ msrs: [[0x10a, 0x2_0000n]] }, { msrs: [[0x10a, immune & ~0x100n]] }).compatible).toBe(
      'No',
    );
  });
  test('Milan without 7.0:EDX[26] is told why', () => {
    const host = (ebx: number): MadeHost => ({
      vendor: 'amd',
      cpuid: [
        [0x7, 0, 'edx', 0],
        [0x8000_0008, 0, 'ebx', ebx],
      ],
    });
    const profile: MadeProfile = { vendor: 'amd', cpuid: [[0x7, 0, 'edx', 1 << 26]] };
    expect(verdict(profile, host(0x5000)).findings[0]?.message).toMatch(/IBPB_RET/);
    expect(verdict(profile, host(0x1000)).findings[0]?.message).not.toMatch(/IBPB_RET/);
  });
});

test('set-refusing VMX MSRs are never compared', () => {
  expect(verdict({ msrs: [[0x481, 0n]] }, { msrs: [[0x481, 0xffn]] }).compatible).toBe('Yes');
});

test('errors come first, and among them single bits', () => {
  const { findings } = verdict(
    {
      cpuid: [
        [0x7, 0, 'eax', 2],
        [0x7, 0, 'ebx', 0x20],
        [0x7, 1, 'eax', 1],
      ],
      msrs: [[0x10a, 0x2_0000n]],
      filter: 'closed',
    },
    { source: 'raw', cpuid: [[0x7, 0, 'ebx', 1]], msrs: [[0x10a, 0xe120n]] },
  );
  expect(codes(findings)).toEqual([
    'CpuidBitsMissing',
    'CpuidValueTooLow',
    'CpuidEntryMissing',
    'NotObserved',
    'FbClearTolerated',
  ]);
});
