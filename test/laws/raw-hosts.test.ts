/**
 * Machines that others recorded with the bare CPUID instruction. KVM hides, emulates and adds, so nothing is ever Yes on them;
 * and a profile made of what such a machine shows is never No on it, but for what KVM emulates, which is Unknown.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { findFeatureMsr } from '../../profiles/definitions/lookup.ts';
import { generate } from '../../profiles/make/generate.ts';
import { vendorOf } from '../../profiles/model/registers.ts';
import { snapshotFromWire, type Snapshot } from '../../profiles/model/snapshot.ts';
import { check } from '../../profiles/verdict/check.ts';
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import { changed, changes } from '../domain/quick-host.ts';
import { lawRuns } from '../law-runs.ts';

const FOLDER = new URL('../../../shared/facts/hosts/', import.meta.url);
const present = existsSync(FOLDER);

const word = z.string();
const recording = z.object({
  id: z.string(),
  kind: z.enum(['host', 'guest', 'kvm-supported']),
  cpuid: z.array(z.object({ leaf: word, subleaf: word, eax: word, ebx: word, ecx: word, edx: word })),
  msrs: z.array(z.object({ index: word, value: word })),
});

interface RawHost {
  readonly id: string;
  readonly snapshot: Snapshot;
}

function rawHost(file: string): RawHost[] {
  const { id, kind, cpuid, msrs } = recording.parse(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')));
  const leaf0 = cpuid.find(({ leaf }) => Number(leaf) === 0);
  const vendor = leaf0 && vendorOf(Number(leaf0.ebx), Number(leaf0.ecx), Number(leaf0.edx));
  if (vendor === undefined || kind !== 'host') return [];
  const definitions = definitionsFor(vendor);
  const snapshot = snapshotFromWire({
    vendor,
    source: 'raw',
    partial: false,
    cpuid,
    // What no table knows is nothing that a profile could be made of.
    featureMsrs: msrs.filter(({ index }) => findFeatureMsr(definitions, Number(index)) !== undefined),
    msrIndices: [],
    capabilities: { msrFilter: false, userSpaceMsr: false, nested: false },
  });
  return [{ id, snapshot }];
}

describe.skipIf(!present)('recorded raw hosts (../shared/facts/hosts)', () => {
  const hosts = present ? readdirSync(FOLDER).sort().flatMap(rawHost) : [];

  const verdictOnItself = (snapshot: Snapshot): string => {
    const { vendor, data } = generate('raw', snapshot);
    const { compatible, findings } = check({ vendor, data, filter: 'closed' }, snapshot);
    const errors = findings.filter(({ severity }) => severity === 'error');
    return errors.length === 0
      ? compatible
      : `${compatible}: ${errors.map(({ message }) => message).join(' ')}`;
  };

  test('there are hosts of both vendors', () => {
    const vendors = hosts.map(({ snapshot }) => snapshot.vendor);
    expect(vendors.filter((vendor) => vendor === 'intel').length).toBeGreaterThan(30);
    expect(vendors.filter((vendor) => vendor === 'amd').length).toBeGreaterThan(10);
  });

  test.each(hosts)('$id: a profile made of it is Unknown on it', ({ snapshot }) => {
    expect(verdictOnItself(snapshot)).toBe('Unknown');
  });

  test('the same whatever the machine shows', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...hosts),
        changes(['flip', 'drop entry', 'flip msr', 'drop msr']),
        ({ snapshot }, list) => {
          expect(verdictOnItself(changed(snapshot, list))).toBe('Unknown');
        },
      ),
      { numRuns: lawRuns(100) },
    );
  }, 600_000);
});
