/** The shipped profiles against machines that others recorded. None is KVM's complete answer, so nothing is ever Yes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { catalogEntry, catalogNames } from '../catalog/catalog.ts';
import { findFeatureMsr } from '../definitions/lookup.ts';
import { generate } from '../make/generate.ts';
import { resolve } from '../make/resolve.ts';
import type { Profile } from '../model/profile.ts';
import { snapshotFromWire, type Snapshot } from '../model/snapshot.ts';
import { INTEL } from '../../test/domain/made.ts';
import { check } from './check.ts';

const FOLDER = new URL('../../../shared/facts/hosts/', import.meta.url);
const present = existsSync(FOLDER);

const recording = z.object({
  id: z.string(),
  kind: z.enum(['host', 'guest', 'kvm-supported']),
  partial: z.boolean().optional(),
  cpuid: z.array(
    z.object({
      leaf: z.string(),
      subleaf: z.string(),
      eax: z.string(),
      ebx: z.string(),
      ecx: z.string(),
      edx: z.string(),
    }),
  ),
  msrs: z.array(z.object({ index: z.string(), value: z.string() })),
});

const SOURCES = { host: 'raw', guest: 'guest', 'kvm-supported': 'kvm' } as const;

function intelHosts(): { id: string; snapshot: Snapshot }[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => recording.parse(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))))
    .filter(({ cpuid }) => cpuid.find(({ leaf }) => leaf === '0x0')?.ebx === '0x756e6547')
    .map(({ id, kind, partial, cpuid, msrs }) => ({
      id,
      snapshot: snapshotFromWire({
        vendor: 'intel',
        source: SOURCES[kind],
        partial: kind !== 'host' || partial === true,
        cpuid,
        featureMsrs: msrs.filter(({ index }) => findFeatureMsr(INTEL, Number(index)) !== undefined),
        capabilities: { msrFilter: false, userSpaceMsr: false, nested: false },
      }),
    }));
}

describe.skipIf(!present)('recorded Intel hosts (../shared/facts/hosts)', () => {
  const hosts = present ? intelHosts() : [];
  const host = (part: string): Snapshot => {
    const found = hosts.find(({ id }) => id.includes(part));
    if (found === undefined) throw new Error(`no recorded host ${part}`);
    return found.snapshot;
  };
  const shipped = (name: string): Profile => {
    const resolved = resolve({ vendor: catalogEntry(name)?.vendor ?? 'intel', catalog: name });
    if (!resolved.ok) throw new Error(resolved.message);
    return resolved.profile;
  };
  const verdict = (name: string, part: string) => check(shipped(name), host(part));

  test('none is ever Yes, and every No has an error', () => {
    expect(hosts.length).toBeGreaterThan(80);
    for (const name of catalogNames()) {
      const profile = shipped(name);
      for (const { snapshot } of hosts) {
        const { compatible, findings } = check(profile, snapshot);
        expect(compatible).not.toBe('Yes');
        expect(findings.some(({ severity }) => severity === 'error')).toBe(compatible === 'No');
      }
    }
  });

  test.each([
    ['skylake', '50654_SkylakeXeon_20'],
    ['skylake', 'ICELAKE-6.18host'],
    ['skylake', 'ICX_CPUID2'],
    ['cascade-lake', 'CascadeLakeXeon'],
    ['cascade-lake', 'EmeraldRapids'],
    ['sapphire-rapids', 'SapphireRapids_06'],
    ['sapphire-rapids', 'EmeraldRapids'],
  ])('nothing speaks against %s on %s', (name, part) => {
    expect(verdict(name, part).compatible).toBe('Unknown');
  });

  test.each([
    ['cascade-lake', 'SkylakeXeon_20', 'avx512_vnni'],
    ['skylake', 'SapphireRapids_06', 'RRSBA'],
    ['skylake', 'EmeraldRapids', 'RRSBA'],
    ['skylake', '506E3_Skylake_CPUID.', 'avx512f'],
    ['skylake', 'INTEL_SKYLAKE-6.1host', 'flush_l1d'],
    ['cascade-lake', 'INTEL_SKYLAKE-6.1host', 'RDCL_NO'],
    ['sapphire-rapids', 'ICELAKE-6.18host', 'FBSDP_NO'],
  ])('%s is refused on %s for %s', (name, part, bit) => {
    const { compatible, findings } = verdict(name, part.replace(/\.$/, ''));
    expect(compatible).toBe('No');
    expect(findings.filter(({ severity }) => severity === 'error').map((finding) => finding.name)).toContain(
      bit,
    );
  });

  test('Ice Lake to Sapphire Rapids fails on IA32_ARCH_CAPABILITIES, with FB_CLEAR and RRSBA named', () => {
    const source = {
      ...host('INTEL_ICELAKE-6.18host'),
      source: 'kvm' as const,
      partial: false,
      msrIndices: [],
    };
    const { vendor, data } = generate('ice-lake', {
      ...source,
      featureMsrs: source.featureMsrs?.filter(({ index }) => index === 0x10a),
    });
    // As KVM shows a Sapphire Rapids with TSX on: RRSBA is there, FB_CLEAR and TAA_NO are not.
    const destination: Snapshot = {
      ...source,
      featureMsrs: [{ index: 0x10a, value: 0x4000_0000_0c08_e0ebn }],
    };
    const { compatible, findings } = check({ vendor, data, filter: 'none' }, destination);
    expect(compatible).toBe('No');
    expect(findings.map(({ name, where }) => [name, where])).toEqual(
      expect.arrayContaining([
        ['FB_CLEAR', { msr: '0x10a' }],
        ['RRSBA', { msr: '0x10a' }],
      ]),
    );
  });
});
