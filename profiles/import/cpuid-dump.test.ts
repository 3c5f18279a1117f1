import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import * as z from 'zod';
import { cpuidDump } from '../../test/fuzz/seeds.ts';
import { zeroPerCpuIds } from '../model/per-cpu-ids.ts';
import { snapshotFromWire, snapshotToWire, type Snapshot } from '../model/snapshot.ts';
import { importCpuidDump } from './cpuid-dump.ts';

const ONE = `CPU:
   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69
   0x00000001 0x00: eax=0x000806f8 ebx=0x0a100800 ecx=0x7ffefbff edx=0xbfebfbff
   0x80000000 0x00: eax=0x80000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000
   0x80000001 0x00: eax=0x00000000 ebx=0x00000000 ecx=0x00000121 edx=0x2c100800
`;
const imported = (
  text: string,
  vendor?: 'intel' | 'amd',
): { snapshot: Snapshot; notKnown: readonly string[] } => {
  const result = importCpuidDump([{ name: 'dump', text }], { vendor });
  if (result.kind !== 'snapshot') throw new Error(result.kind);
  return result;
};
const LEAF_0 = '   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69\n';

describe('cpuid -r', () => {
  it('becomes a raw snapshot without the id of the CPU it ran on', () => {
    const { snapshot, notKnown } = imported(ONE);
    expect(snapshotToWire(snapshot)).toEqual({
      vendor: 'intel',
      source: 'raw',
      partial: false,
      cpuid: [
        { leaf: '0x0', subleaf: '0x0', eax: '0x1', ebx: '0x756e6547', ecx: '0x6c65746e', edx: '0x49656e69' },
        {
          leaf: '0x1',
          subleaf: '0x0',
          eax: '0x806f8',
          ebx: '0x100800',
          ecx: '0x7ffefbff',
          edx: '0xbfebfbff',
        },
        { leaf: '0x80000000', subleaf: '0x0', eax: '0x80000001', ebx: '0x0', ecx: '0x0', edx: '0x0' },
        { leaf: '0x80000001', subleaf: '0x0', eax: '0x0', ebx: '0x0', ecx: '0x121', edx: '0x2c100800' },
      ],
      capabilities: { msrFilter: false, userSpaceMsr: false, nested: false },
    });
    expect(notKnown.join('\n')).toMatch(/feature MSRs and KVM's list of MSRs: absent, not empty/);
  });

  it('of several CPUs keeps what all say alike, and names the rest', () => {
    const second = ONE.replace('CPU:', 'CPU 1:').replace('ebx=0x0a100800', 'ebx=0x0b100800');
    const alike = imported(ONE.replace('CPU:', 'CPU 0:') + second);
    expect(alike.snapshot).toEqual(imported(ONE).snapshot);

    const hybrid = imported(
      `${ONE.replace('CPU:', 'CPU 0:')}   0x00000007 0x00: eax=0x0 ebx=0x0 ecx=0x0 edx=0x0\n`
        .replaceAll('=0x0 ', '=0x00000000 ')
        .replace('edx=0x0\n', 'edx=0x00000000\n') + second.replace('ecx=0x00000121', 'ecx=0x00000021'),
    );
    expect(hybrid.snapshot.partial).toBe(true);
    expect(hybrid.snapshot.cpuid.map(({ leaf }) => leaf)).toEqual([0, 1, 0x8000_0000]);
    expect(hybrid.notKnown.join('\n')).toContain(
      'leaf 0x7 subleaf 0x0, leaf 0x80000001 subleaf 0x0: the CPUs of the dump differ',
    );
  });

  it('is partial when it leaves out a leaf that the CPU says it has', () => {
    const { snapshot, notKnown } = imported(ONE.replace(/ {3}0x80000001.*\n/, ''));
    expect(snapshot.partial).toBe(true);
    expect(notKnown.join('\n')).toContain('partial');
    expect(imported(`CPU:\n${LEAF_0.replace('eax=0x00000001', 'eax=0xffffffff')}`).snapshot.partial).toBe(
      true,
    );
  });

  it("leaves out the leaves of the hypervisor it ran under: they are not this machine's KVM", () => {
    const { snapshot, notKnown } = imported(
      `${ONE}   0x40000000 0x00: eax=0x40000001 ebx=0x4b4d564b ecx=0x564b4d56 edx=0x0000004d\n`,
    );
    expect(snapshot).toEqual(imported(ONE).snapshot);
    expect(notKnown.join('\n')).toContain('0x40000000');
  });

  test.each([
    ['nothing', '', /^dump: holds no CPU/],
    [
      'another text',
      'vendor_id : GenuineIntel',
      /^dump line 1: "vendor_id : GenuineIntel" is not a line of cpuid -r/,
    ],
    ['a row before any CPU', LEAF_0, /^dump line 1: comes before/],
    ['a CPU without rows', 'CPU 0:\nCPU 1:\n', /^dump: holds nothing for CPU 0/],
    ['a CPU twice', `CPU 0:\n${LEAF_0}CPU 0:\n`, /^dump line 3: CPU 0 appears twice/],
    ['a short register', 'CPU:\n   0x00000000 0x00: eax=0x1 ebx=0x0 ecx=0x0 edx=0x0\n', /^dump line 2: /],
    [
      'two values',
      `CPU:\n${LEAF_0}${LEAF_0.replace('eax=0x00000001', 'eax=0x00000002')}`,
      /^dump line 3: leaf 0x0 subleaf 0x0 appears twice with different/,
    ],
    [
      'no leaf 0',
      `CPU:\n${LEAF_0.replace('0x00000000 0x00', '0x00000001 0x00')}`,
      /^dump: has no CPUID leaf 0x0: name the vendor/,
    ],
    [
      'another maker',
      `CPU:\n${LEAF_0.replace('0x756e6547', '0x746e6543')}`,
      /^dump: CPUID leaf 0x0 names the vendor "CentineIntel"/,
    ],
    ['a terminal escape', 'CPU:\n\u001b[2J', /^dump line 2: "\\u001b\[2J" is not/],
  ])('is refused with the line: %s', (_, text, message) => {
    expect(() => imported(text)).toThrow(message);
  });

  it('takes the vendor from outside where the dump has none, and not against it', () => {
    const part = `CPU:\n${LEAF_0.replace('0x00000000 0x00', '0x00000007 0x00')}`;
    expect(imported(part, 'amd').snapshot).toMatchObject({ vendor: 'amd', partial: true });
    expect(() => imported(ONE, 'amd')).toThrow('dump: is for intel, and not for amd as was said');
  });
});

const PROGRAM = ['/usr/bin/cpuid', '/usr/local/bin/cpuid'].find((path) => existsSync(path));

describe.skipIf(PROGRAM === undefined)('the program cpuid on this machine (Debian package cpuid)', () => {
  const run = (...flags: string[]): string => execFileSync(PROGRAM ?? '', flags, { encoding: 'utf8' });

  it('says the same for one CPU and for all', () => {
    const one = imported(run('-r', '-1'));
    const all = imported(run('-r'));
    expect(one.snapshot.cpuid.length).toBeGreaterThan(20);
    const places = new Set(one.snapshot.cpuid.map(({ leaf, subleaf }) => `${leaf}.${subleaf}`));
    expect(all.snapshot.cpuid.every(({ leaf, subleaf }) => places.has(`${leaf}.${subleaf}`))).toBe(true);
    expect(all.snapshot.vendor).toBe(one.snapshot.vendor);
    // Every entry that all CPUs share is the one CPU's.
    const known = new Map(one.snapshot.cpuid.map((entry) => [`${entry.leaf}.${entry.subleaf}`, entry]));
    for (const entry of all.snapshot.cpuid)
      expect(entry).toEqual(known.get(`${entry.leaf}.${entry.subleaf}`));
  });
});

const FACTS = new URL('../../../shared/facts/hosts/', import.meta.url);

describe.skipIf(!existsSync(FACTS))('recorded machines (../shared/facts/hosts)', () => {
  const entry = z.object({
    leaf: z.string(),
    subleaf: z.string(),
    eax: z.string(),
    ebx: z.string(),
    ecx: z.string(),
    edx: z.string(),
  });
  const host = z.object({ cpuid: z.array(entry) });

  it('come back from the text that cpuid -r would print for them', () => {
    const files = existsSync(FACTS) ? readdirSync(FACTS).filter((file) => file.startsWith('instlatx64')) : [];
    let seen = 0;
    for (const file of files) {
      const { cpuid } = host.parse(JSON.parse(readFileSync(new URL(file, FACTS), 'utf8')));
      const wire = {
        vendor: 'intel',
        source: 'raw',
        partial: true,
        cpuid,
        capabilities: { msrFilter: false, userSpaceMsr: false, nested: false },
      } as const;
      const recorded = snapshotFromWire({ ...wire, cpuid: [...wire.cpuid] }).cpuid;
      const back = imported(cpuidDump(recorded)).snapshot.cpuid;
      expect(back, file).toEqual(recorded.filter(({ leaf }) => leaf >>> 16 !== 0x4000).map(zeroPerCpuIds));
      seen += 1;
    }
    expect(seen).toBeGreaterThan(60);
  });
});
