import { describe, expect, test } from 'vitest';
import { AMD, INTEL, madeProfile, type CpuidRow, type MadeProfile } from '../../test/domain/made.ts';
import type { Definitions } from '../definitions/types.ts';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { resolve } from '../make/resolve.ts';
import type { Profile } from '../model/profile.ts';
import { lint, LINT_RULES } from './lint.ts';
import { ANNOUNCED_AND_DENIED } from './announcements.ts';

const VMX: CpuidRow = [0x1, 0, 'ecx', 0x20];
const VMX_SET = [0x3a, ...Array.from({ length: 18 }, (_, i) => 0x480 + i)];
const ARCH_CAPABILITIES_BIT: CpuidRow = [0x7, 0, 'edx', 1 << 29];

interface Case {
  readonly trips: MadeProfile | Profile;
  readonly passes: MadeProfile | Profile;
  readonly severity: 'error' | 'warning' | 'note';
  /** Absent: those of the profile's vendor. No profile breaks the rule under these. */
  readonly tripsUnder?: Definitions;
}

/** MSRs that no table names, too far apart for one range to cover two of them. */
const scattered = (count: number): number[] => Array.from({ length: count }, (_, i) => 0x1_0000 * (i + 1));

const withoutVendor: Profile = {
  vendor: 'intel',
  data: { cpuid: [], featureMsrs: [], requiredMsrs: [] },
  filter: 'none',
};

/** One profile that breaks each rule, and one that is as close to it as can be and does not. */
const CASES: Readonly<Record<string, Case>> = {
  VendorStringDiffers: { severity: 'error', trips: withoutVendor, passes: {} },
  BrandStringTooLong: {
    severity: 'error',
    trips: {
      cpuid: [
        [0x8000_0000, 0, 'eax', 0x8000_0004],
        [0x8000_0004, 0, 'edx', 0x6161_6161],
      ],
    },
    passes: {
      cpuid: [
        [0x8000_0000, 0, 'eax', 0x8000_0004],
        [0x8000_0004, 0, 'edx', 0x0061_6161],
      ],
    },
  },
  SubleafRangeTooWide: {
    severity: 'error',
    trips: {
      cpuid: [
        [0, 0, 'eax', 4],
        [0x4, [0, 64], 'ebx', 1],
      ],
    },
    passes: {
      cpuid: [
        [0, 0, 'eax', 4],
        [0x4, [0, 63], 'ebx', 1],
        [0x4, [64, 0xffff_ffff], 'ebx', 0],
      ],
    },
  },
  LargestLeafTooLow: {
    severity: 'warning',
    trips: {
      cpuid: [
        [0, 0, 'eax', 5],
        [0x6, 0, 'eax', 4],
      ],
    },
    passes: {
      cpuid: [
        [0, 0, 'eax', 6],
        [0x6, 0, 'eax', 4],
      ],
    },
  },
  BitsWithoutName: {
    severity: 'note',
    trips: {
      cpuid: [
        [0, 0, 'eax', 1],
        [0x1, 0, 'ecx', 1 << 16],
      ],
    },
    passes: {
      cpuid: [
        [0, 0, 'eax', 1],
        [0x1, 0, 'ecx', 1 << 17],
      ],
    },
  },
  PassthroughCompared: {
    severity: 'note',
    trips: { cpuid: [[0x1, 0, 'ecx', 0, 1]] },
    passes: { cpuid: [[0x1, 0, 'ecx', 0, 0x8800_0000]] },
  },
  AddressWidthsPassthrough: {
    severity: 'note',
    trips: { cpuid: [[0x8000_0008, 0, 'eax', 0, 0xffff]] },
    passes: {
      cpuid: [
        [0x8000_0000, 0, 'eax', 0x8000_0008],
        [0x8000_0008, 0, 'eax', 0x302e],
      ],
    },
  },
  PkuStateWithoutPku: {
    severity: 'note',
    trips: {
      cpuid: [
        [0, 0, 'eax', 0xd],
        [0xd, 0, 'eax', 0x207],
      ],
    },
    passes: {
      cpuid: [
        [0, 0, 'eax', 0xd],
        [0x7, 0, 'ecx', 8],
        [0xd, 0, 'eax', 0x207],
      ],
    },
  },
  RequiredMsrForbidden: { severity: 'error', trips: { required: [0x1d9] }, passes: { required: [0x10] } },
  RequiredMsrUnannounced: {
    severity: 'error',
    trips: { required: [0x48] },
    passes: {
      cpuid: [
        [0, 0, 'eax', 7],
        [0x7, 0, 'edx', 1 << 26],
      ],
      required: [0x48],
    },
  },
  MsrNotSettable: {
    severity: 'error',
    trips: { cpuid: [VMX], msrs: [[0x487, 0n]], required: VMX_SET },
    passes: { cpuid: [VMX], msrs: [[0x486, 0n]], required: VMX_SET },
  },
  DeniedMsrAdjusted: {
    severity: 'error',
    trips: { msrs: [[0x345, 0n]] },
    passes: { cpuid: [[0, 0, 'eax', 7], ARCH_CAPABILITIES_BIT], msrs: [[0x10a, 0n]] },
  },
  DeniedMsrAnnounced: {
    severity: 'warning',
    trips: { cpuid: [[0, 0, 'eax', 7], ARCH_CAPABILITIES_BIT], msrs: [[0x10a, 1n << 7n]] },
    passes: { cpuid: [[0, 0, 'eax', 7], ARCH_CAPABILITIES_BIT], msrs: [[0x10a, 1n << 6n]] },
  },
  ArchCapabilitiesUnannounced: {
    severity: 'warning',
    trips: { msrs: [[0x10a, 0n]] },
    passes: { cpuid: [[0, 0, 'eax', 7], ARCH_CAPABILITIES_BIT], msrs: [[0x10a, 0n]] },
  },
  FeatureMsrUnknown: { severity: 'warning', trips: { msrs: [[0xcf, 0n]] }, passes: { msrs: [[0x8b, 0n]] } },
  MsrPassthroughCompared: {
    severity: 'note',
    trips: { msrs: [[0x10a, 0n, 1n << 62n]] },
    passes: { msrs: [[0x8b, 0n, 0xffff_ffff_0000_0000n]] },
  },
  NestedMsrsIncomplete: {
    severity: 'error',
    trips: { cpuid: [[0, 0, 'eax', 1], VMX], required: VMX_SET.filter((index) => index !== 0x491) },
    passes: { cpuid: [[0, 0, 'eax', 1], VMX], required: VMX_SET },
  },
  VmxMsrsWithoutVmx: {
    severity: 'error',
    trips: { required: [0x480] },
    passes: { cpuid: [VMX], required: VMX_SET },
  },
  VmxControlContradiction: {
    severity: 'error',
    trips: { cpuid: [VMX], msrs: [[0x48d, 0xf_0000_0016n]], required: VMX_SET },
    passes: { cpuid: [VMX], msrs: [[0x48d, 0x1f_0000_0016n]], required: VMX_SET },
  },
  VmxFixedContradiction: {
    severity: 'error',
    trips: { cpuid: [VMX], msrs: [[0x488, 1n << 22n]], required: VMX_SET },
    passes: { cpuid: [VMX], msrs: [[0x488, 1n << 13n]], required: VMX_SET },
  },
  FilterTooLarge: {
    severity: 'error',
    trips: { required: scattered(20), filter: 'closed' },
    passes: { required: scattered(9), filter: 'closed' },
  },
  BootMsrDenied: {
    severity: 'error',
    tripsUnder: { ...INTEL, forbidden: [{ first: 0x277, last: 0x277, name: 'PAT, forbidden' }] },
    trips: { cpuid: [[0x1, 0, 'edx', 1 << 16]], filter: 'closed' },
    passes: { cpuid: [[0x1, 0, 'edx', 1 << 16]], filter: 'closed' },
  },
  VmxControlUngated: {
    severity: 'warning',
    trips: {
      cpuid: [VMX],
      msrs: [
        [0x48b, 1n << 34n],
        [0x48c, 1n],
        [0x48e, 1n << 63n],
      ],
      required: VMX_SET,
    },
    passes: {
      cpuid: [VMX],
      msrs: [
        [0x48b, 1n << 33n],
        [0x48c, 1n],
        [0x48e, 1n << 63n],
      ],
      required: VMX_SET,
    },
  },
};

const made = (profile: MadeProfile | Profile): Profile =>
  'data' in profile ? profile : madeProfile(profile);

test('every rule has a case, a law and a code of its own', () => {
  const codes = LINT_RULES.map(({ code }) => code);
  expect(Object.keys(CASES).sort()).toEqual([...codes].sort());
  expect(new Set(codes).size).toBe(codes.length);
  expect(LINT_RULES.every(({ law }) => law.endsWith('.'))).toBe(true);
});

describe.each(Object.entries(CASES))('%s', (code, { trips, passes, severity, tripsUnder }) => {
  test('is found where it is broken, with its severity and a place', () => {
    const rule = LINT_RULES.find((each) => each.code === code);
    const found =
      tripsUnder === undefined
        ? lint(made(trips)).filter((finding) => finding.code === code)
        : (rule?.find(made(trips), tripsUnder) ?? []).map((broken) => ({
            severity: rule?.severity,
            ...broken,
          }));
    expect(found.length).toBeGreaterThan(0);
    for (const finding of found) {
      expect(finding.severity).toBe(severity);
      expect(finding.name).not.toBe('');
      expect(finding.message).toMatch(/^[A-Z0].*\.$/);
      expect(Object.keys(finding.where).length).toBeGreaterThan(0);
    }
  });
  test('is not found where it is kept', () => {
    expect(lint(made(passes)).map((finding) => finding.code)).not.toContain(code);
  });
});

describe('the shipped profiles', () => {
  const options = [
    {},
    { nested: false },
    { amx: false },
    { hyperv: false },
    { nested: false, amx: false, hyperv: false },
  ];
  test.each(catalogNames().flatMap((name) => options.map((each) => [name, each] as const)))(
    '%s with options %o lints without errors',
    (name, each) => {
      const resolved = resolve({
        vendor: catalogEntry(name)?.vendor ?? 'intel',
        catalog: name,
        options: each,
      });
      if (!resolved.ok) throw new Error(resolved.message);
      expect(lint(resolved.profile).filter(({ severity }) => severity === 'error')).toEqual([]);
    },
  );
});

test('what announces a denied MSR is static 0 in the tables, so that nothing generated trips the rule', () => {
  for (const { by, vendor, name } of ANNOUNCED_AND_DENIED) {
    for (const definitions of [INTEL, AMD].filter((each) => vendor === undefined || vendor === each.vendor)) {
      const fields =
        'archCapability' in by
          ? definitions.featureMsrs.find(({ index }) => index === 0x10a)?.fields
          : definitions.cpuid.find(
              (row) =>
                row.leaf === by.leaf && row.firstSubleaf === by.subleaf && row.register === by.register,
            )?.fields;
      const bit = 'archCapability' in by ? by.archCapability : by.bit;
      const field = fields?.find(({ first, last }) => first <= bit && bit <= last);
      expect(field?.policy, `${definitions.vendor}: ${name}`).toEqual({ static: 0 });
    }
  }
});

test('errors come first', () => {
  const severities = lint(
    madeProfile({
      cpuid: [[0x1, 0, 'ecx', 0, 1]],
      msrs: [
        [0x345, 0n],
        [0xcf, 0n],
      ],
    }),
  ).map(({ severity }) => severity);
  expect(severities).toEqual(['error', 'warning', 'note']);
});
