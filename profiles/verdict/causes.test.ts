import { describe, expect, test } from 'vitest';
import {
  AMD,
  INTEL,
  madeHost,
  madeProfile,
  type MadeHost,
  type MadeProfile,
} from '../../test/domain/made.ts';
import { findFeatureMsr, findField } from '../definitions/lookup.ts';
import { FINDING_CODES, type Finding } from '../model/finding.ts';
import { causesOf } from './causes.ts';
import { CAUSES, type Evidence } from './causes-table.ts';
import { check } from './check.ts';
import { explain } from './explain.ts';
import { whyItMatters } from './explain-why.ts';

const causes = (profile: MadeProfile, host: MadeHost, evidence?: Evidence) => {
  const made = madeHost(host);
  return check(madeProfile(profile), made).findings.flatMap((finding) => causesOf(finding, made, evidence));
};
const codes = (...about: Parameters<typeof causes>) =>
  causes(...about).map(({ code, certainty }) => [code, certainty]);

describe('7.0:EDX[26] on AMD', () => {
  const profile: MadeProfile = { vendor: 'amd', cpuid: [[0x7, 0, 'edx', 1 << 26]] };
  const host = (ebx: number): MadeHost => ({
    vendor: 'amd',
    cpuid: [
      [0x7, 0, 'edx', 0],
      [0x8000_0008, 0, 'ebx', ebx],
    ],
  });
  const MILAN = 0x5000;

  test('with IBPB and IBRS announced and IBPB_RET not: the kernel, and nothing is lost', () => {
    const [cause] = causes(profile, host(MILAN), { kernel: '6.18.1' });
    expect(cause).toMatchObject({ code: 'SpecCtrlTiedToIbpbRet', certainty: 'likely' });
    expect(cause?.evidence).toEqual([
      'CPUID 80000008.0:EBX[12] and [14] are set and [30] (IBPB_RET) is not',
      'kernel 6.18.1',
    ]);
    expect(cause?.remedy).toContain('7.0:EDX[26]');
  });
  test('an older kernel, or a CPU with IBPB_RET, contradicts it', () => {
    expect(codes(profile, host(MILAN), { kernel: '6.1.0-28-amd64' })).toEqual([]);
    expect(codes(profile, host(MILAN + 2 ** 30), { kernel: '6.18.1' })).toEqual([]);
    expect(codes(profile, host(0))).toEqual([]);
  });
});

describe('kernels, parameters, firmware', () => {
  const flush: MadeProfile = { cpuid: [[0x7, 0, 'edx', 1 << 28]] };
  const bare: MadeHost = {
    cpuid: [
      [0x7, 0, 'edx', 0],
      [0x7, 0, 'ebx', 0],
    ],
  };
  test.each([
    ['6.1.92', [['FlushL1dNotPassedOn', 'likely']]],
    ['5.10', [['FlushL1dNotPassedOn', 'likely']]],
    ['6.4.0', []],
    ['7.0', []],
    ['unknown', [['FlushL1dNotPassedOn', 'possible']]],
    [undefined, [['FlushL1dNotPassedOn', 'possible']]],
  ])('FLUSH_L1D on kernel %s', (kernel, expected) => {
    expect(codes(flush, bare, { kernel })).toEqual(expected);
  });
  test('nested=0 is shown; nested=1 contradicts; it explains no other capability', () => {
    const profile: MadeProfile = { cpuid: [[0x1, 0, 'ecx', 0x20]], filter: 'closed' };
    const capabilities = { msrFilter: false, userSpaceMsr: false, nested: false };
    const host: MadeHost = { capabilities, cpuid: [[0x1, 0, 'ecx', 0x20]] };
    expect(causes(profile, host, { modules: { 'kvm_intel.nested': 'N' }, kernel: '5.4' })).toMatchObject([
      { code: 'NestedParameterOff', evidence: ['kvm_intel.nested=N'] },
      { code: 'MsrFilterKernelTooOld', evidence: ['kernel 5.4'] },
    ]);
    expect(codes(profile, host, { modules: { 'kvm_intel.nested': '1' }, kernel: '6.1' })).toEqual([]);
  });
  test('TSX and SGX', () => {
    const found = causes({ cpuid: [[0x7, 0, 'ebx', 0x814]] }, bare, {
      microcode: '0x2b',
      firmware: 'ACME 1.2',
    });
    expect(found.map(({ code, evidence }) => [code, evidence])).toEqual([
      ['SgxSwitchedOff', ['firmware ACME 1.2']],
      ['TsxSwitchedOff', ['microcode 0x2b']],
      ['TsxSwitchedOff', ['microcode 0x2b']],
    ]);
  });
  test('RRSBA and FB_CLEAR', () => {
    expect(codes({ msrs: [[0x10a, 0x2_0000n]] }, { msrs: [[0x10a, 0x8_0000n]] })).toEqual([
      ['FbClearDiffers', 'possible'],
      ['RrsbaEnumerated', 'possible'],
    ]);
  });
  test("KVM's lists, and Hyper-V's part of them", () => {
    const found = causes({ required: [0x174, 0x4000_0000] }, {}, { kernel: '6.1' });
    expect(found.map(({ code }) => code)).toEqual([
      'MsrListGrowsWithKernel',
      'MsrListGrowsWithKernel',
      'HypervMsrNotListed',
    ]);
  });
  test('what was not observed has no cause', () => {
    expect(codes(flush, { ...bare, source: 'raw', cpuid: [] })).toEqual([]);
  });
});

describe('the table', () => {
  test('codes are unique, sources and remedies are there, places exist', () => {
    expect(new Set(CAUSES.map(({ code }) => code)).size).toBe(CAUSES.length);
    for (const { code, place, source, remedy, text, vendor } of CAUSES) {
      expect(source.length, code).toBeGreaterThan(15);
      expect(remedy.length, code).toBeGreaterThan(8);
      expect(text, code).toMatch(/\.$/);
      if (place === undefined || 'name' in place) continue;
      for (const definitions of [INTEL, AMD].filter(
        (each) => vendor === undefined || each.vendor === vendor,
      )) {
        const known = (place.bits ?? []).every((bit) =>
          'msr' in place
            ? findFeatureMsr(definitions, place.msr)?.fields.some(
                ({ first, last }) => first <= bit && bit <= last,
              )
            : findField(definitions, {
                leaf: place.leaf,
                subleaf: place.subleaf ?? 0,
                register: place.register,
                bit,
              }) !== undefined,
        );
        expect(known, `${code} on ${definitions.vendor}`).toBe(true);
      }
    }
  });
  test('every finding says why it matters, in one sentence', () => {
    const finding: Finding = {
      code: 'CpuidBitsMissing',
      severity: 'error',
      where: {},
      bits: [],
      name: '',
      class: 'isa',
      relation: 'subset',
      profile: '0x0',
      host: '0x0',
      message: '',
    };
    for (const code of FINDING_CODES) {
      for (const class_ of [
        'isa',
        'mitigation',
        'virtualization',
        'topology',
        'paravirt',
        'identity',
      ] as const) {
        expect(whyItMatters({ ...finding, code, class: class_ })).toMatch(/^[A-Z][^.]*\.$/);
      }
    }
  });
});

test('the page shows causes with evidence, remedy and source, within its width', () => {
  const host = madeHost({ cpuid: [[0x7, 0, 'edx', 0]] });
  const verdict = check(madeProfile({ cpuid: [[0x7, 0, 'edx', 1 << 28]] }), host);
  const lines = explain('gold', 'host', verdict, (finding) => causesOf(finding, host, { kernel: '6.1.0' }));
  const text = lines.join('\n').replaceAll(/\n +/g, ' ');
  expect(text).toContain(
    'Likely cause (kernel 6.1.0): KVM passes FLUSH_L1D on to guests from kernel 6.4 only.',
  );
  expect(text).toContain(
    'Remedy: a kernel from 6.4, or derive --without flush_l1d. Source: Linux commit 45cf86f26148',
  );
  expect(lines.every((line) => line.length <= 100)).toBe(true);
});
