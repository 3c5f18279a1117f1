import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bitsOf, xor32 } from '../../profiles/model/numbers.ts';
import { zeroPerCpuIds } from '../../profiles/model/per-cpu-ids.ts';
import { vendorOf } from '../../profiles/model/registers.ts';
import { snapshotName, snapshotToWire } from '../../profiles/model/snapshot.ts';
import { probe } from '../../node-agent/kvm/probe.ts';
import { recordedHosts } from './recorded-hosts.ts';
import { recordedKvm } from './recorded-kvm.ts';

const hosts = recordedHosts();
const host = (file: string) => {
  const found = hosts.find((candidate) => candidate.file === file);
  if (found === undefined) throw new Error(`no recorded host ${file}`);
  return found;
};

test('there are enough of both vendors and of both kinds', () => {
  expect(
    hosts.filter(({ snapshot }) => snapshot.vendor === 'amd' && snapshot.source === 'kvm').length,
  ).toBeGreaterThan(4);
  expect(hosts.filter(({ snapshot }) => snapshot.vendor === 'intel').length).toBeGreaterThan(1);
});

describe.each(hosts)('$file', ({ name, snapshot, wire, provenance, how, notObserved }) => {
  test('bears the name of its content', () => {
    expect(name).toBe(snapshotName(snapshot));
  });

  test('is in normal form', () => {
    expect(wire).toEqual(snapshotToWire(snapshot));
    expect(snapshot.cpuid.map(zeroPerCpuIds)).toEqual(snapshot.cpuid);
  });

  test('agrees with its own CPUID about vendor and signature', () => {
    const leaf = (number: number) => snapshot.cpuid.find((entry) => entry.leaf === number);
    const zero = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
    const { ebx, ecx, edx } = leaf(0) ?? zero;
    expect(vendorOf(ebx, ecx, edx)).toBe(snapshot.vendor);
    // Family, model and stepping as Intel SDM vol. 2A (CPUID, leaf 1) adds them up.
    const { eax } = leaf(1) ?? zero;
    const family = (eax >>> 8) & 0xf;
    expect(provenance).toMatchObject({
      family: family === 0xf ? family + ((eax >>> 20) & 0xff) : family,
      model: ((eax >>> 4) & 0xf) | ((eax >>> 12) & 0xf0),
      stepping: eax & 0xf,
    });
  });

  test('says how it was recorded, and what was not observed', () => {
    expect(how).not.toBe('');
    if (snapshot.source === 'kvm') {
      expect(snapshot.partial).toBe(false);
      expect(snapshot.featureMsrs).not.toEqual([]);
      expect(snapshot.msrIndices).toContain(0x10);
    } else {
      expect(snapshot.partial).toBe(true);
      expect(notObserved).toMatch(/index list/);
      expect(snapshot.msrIndices).toBeUndefined();
    }
  });
});

const answersOfKvm = hosts.filter(({ snapshot }) => snapshot.source === 'kvm');

test.each(answersOfKvm)('$file comes out of a probe as it went in', async ({ snapshot }) => {
  const probed = await probe({ kvm: recordedKvm(snapshot), root: '/nonexistent' });
  // Whether the module nests is no answer of the device.
  const capabilities = { ...snapshot.capabilities, nested: false };
  expect(probed.snapshot).toEqual({ ...snapshot, capabilities });
});

test('no two hosts are the same', () => {
  expect(new Set(hosts.map(({ name }) => name)).size).toBe(hosts.length);
});

test.each(['6.1', '6.12'])(
  'on Linux %s a Rome without CLWB lacks that one bit and nothing else',
  (kernel) => {
    const rome = host(`linux-${kernel}-epyc-rome`).snapshot;
    const without = host(`linux-${kernel}-epyc-rome-no-clwb`).snapshot;
    const differing = rome.cpuid.filter(
      (entry, i) => JSON.stringify(entry) !== JSON.stringify(without.cpuid[i]),
    );
    expect(differing).toMatchObject([{ leaf: 7, subleaf: 0 }]);
    const ebx = without.cpuid.find((entry) => entry.leaf === 7 && entry.subleaf === 0)?.ebx ?? 0;
    // CLWB is 7.0:EBX[24], AMD APM vol. 3, E.3.6.
    expect(bitsOf(xor32(differing[0]?.ebx ?? 0, ebx))).toEqual([24]);
    expect({ ...without, cpuid: [] }).toEqual({ ...rome, cpuid: [] });
  },
);

test.each(['epyc', 'epyc-rome', 'epyc-milan'])(
  'the kernel is part of the CPU: %s differs between 6.1 and 6.12',
  (cpu) => {
    const [older, newer] = [host(`linux-6.1-${cpu}`), host(`linux-6.12-${cpu}`)];
    expect(older.snapshot.msrIndices).toHaveLength(97);
    expect(newer.snapshot.msrIndices).toHaveLength(73);
  },
);

test('a manifest with a field too many is refused by name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hosts-'));
  try {
    const text = readFileSync(join(import.meta.dirname, 'pvm-epyc-genoa.json'), 'utf8');
    writeFileSync(join(folder, 'odd.json'), text.replace('"partial"', '"surplus": 1, "partial"'));
    expect(() => recordedHosts(folder)).toThrow(/odd\.json.*surplus/s);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
