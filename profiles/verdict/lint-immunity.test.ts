import { describe, expect, test } from 'vitest';
import { madeHost, madeProfile, type MadeHost } from '../../test/domain/made.ts';
import { snapshotName } from '../model/snapshot.ts';
import { immunityClaims } from './lint-immunity.ts';

const profile = madeProfile({
  cpuid: [
    [0, 0, 'eax', 7],
    [0x7, 0, 'ebx', 0x20],
    [0x7, 0, 'edx', 0x400],
  ],
  msrs: [[0x10a, 0x2_0020n]],
});
const LEAF_7 = [
  [0x7, 0, 'ebx', 0x20],
  [0x7, 0, 'edx', 0x400],
] as const;
const claims = (...hosts: MadeHost[]) => {
  const snapshots = hosts.map(madeHost);
  return { names: snapshots.map(snapshotName), claims: immunityClaims(profile, snapshots) };
};

describe('immunity claims', () => {
  test('a claimed immunity, a mitigation and a hidden defect, with the hosts they are wrong on', () => {
    const { names, claims: found } = claims(
      { cpuid: LEAF_7, msrs: [[0x10a, 0x2_0020n]] },
      { cpuid: LEAF_7, msrs: [[0x10a, 0x2_0000n]] },
      {
        cpuid: [
          [0x7, 0, 'ebx', 0x20],
          [0x7, 0, 'edx', 0],
        ],
        msrs: [[0x10a, 0xa_0000n]],
      },
    );
    expect(found.map(({ code, name, snapshots }) => [code, name, snapshots])).toEqual([
      ['ImmunityNotOffered', 'MDS_NO', [names[1], names[2]].sort()],
      ['DefectNotAdmitted', 'RRSBA', [names[2]]],
      ['ImmunityNotOffered', 'md_clear', [names[2]]],
    ]);
    for (const { severity, message } of found) {
      expect(severity).toBe('error');
      expect(message).toMatch(/guests there .*\.$/);
    }
  });
  test('missing instructions are no claim, nor is what was not observed, nor another vendor', () => {
    expect(claims({ cpuid: [[0x7, 0, 'edx', 0x400]], msrs: [[0x10a, 0x2_0020n]] }).claims).toEqual([]);
    expect(claims({ cpuid: LEAF_7, msrs: null, source: 'raw' }).claims).toEqual([]);
    expect(claims({ vendor: 'amd' }).claims).toEqual([]);
  });
  test('FB_CLEAR that is tolerated is no wrong claim', () => {
    const immune = [5n, 8n, 13n, 14n, 15n].reduce((bits, bit) => bits | (1n << bit), 0n);
    expect(claims({ cpuid: LEAF_7, msrs: [[0x10a, immune]] }).claims).toEqual([]);
  });
  test('an MSR that the host lacks as a whole', () => {
    expect(claims({ cpuid: LEAF_7 }).claims).toMatchObject([
      { name: 'IA32_ARCH_CAPABILITIES', code: 'ImmunityNotOffered' },
    ]);
  });
});
