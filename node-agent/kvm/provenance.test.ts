import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { provenance as schema } from '../../crds/node-cpu.ts';
import { nestedParameter } from './module-parameters.ts';
import { readProvenance } from './provenance.ts';

let root: string;
let number = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'provenance-'));
});
afterAll(() => rm(root, { recursive: true }));

/** A tree of files below a directory of its own. */
async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const base = join(root, String((number += 1)));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(base, path)), { recursive: true });
    await writeFile(join(base, path), content);
  }
  return base;
}

const processor = (n: number, model: string): string =>
  [
    `processor\t: ${n}`,
    'vendor_id\t: GenuineIntel',
    'cpu family\t: 6',
    'model\t\t: 143',
    `model name\t: ${model}`,
    'stepping\t: 8',
    'microcode\t: 0x2b000590',
    'flags\t\t: fpu vme hypervisor lahf_lm',
    'power management:',
  ].join('\n');

const whole = {
  'proc/cpuinfo': `${processor(0, 'Intel(R) Xeon(R) Platinum 8488C')}\n\n${processor(1, 'another')}\n\n`,
  'proc/sys/kernel/osrelease': '6.1.172-amd64\n',
  'proc/sys/kernel/random/boot_id': '11111111-2222-3333-4444-555555555555\n',
  'sys/class/dmi/id/bios_vendor': 'Dell Inc.\n',
  'sys/class/dmi/id/bios_version': '2.19.1\n',
  'sys/class/dmi/id/bios_date': '01/15/2026\n',
  'sys/module/kvm/parameters/ignore_msrs': 'N\n',
  'sys/module/kvm/parameters/halt_poll_ns': '200000\n',
  'sys/module/kvm_intel/parameters/nested': 'Y\n',
  'sys/module/kvm_intel/parameters/ept': 'Y\n',
  'sys/module/kvm_intel/parameters/ple_gap': '128\n',
};

test('a machine with everything', async () => {
  expect(await readProvenance({ root: await tree(whole) })).toEqual({
    cpu: 'Intel(R) Xeon(R) Platinum 8488C',
    family: 6,
    model: 143,
    stepping: 8,
    microcode: '0x2b000590',
    firmware: 'Dell Inc. 2.19.1 01/15/2026',
    kernel: '6.1.172-amd64',
    modules: { 'kvm_intel.nested': 'Y', 'kvm_intel.ept': 'Y', 'kvm.ignore_msrs': 'N' },
    bootId: '11111111-2222-3333-4444-555555555555',
    hypervisor: true,
  });
});

test('files that are absent are absent fields, and the rest still fits the object', async () => {
  const read = await readProvenance({ root: await tree({}) });
  expect(read).toEqual({ cpu: 'unknown', family: 0, model: 0, stepping: 0, kernel: 'unknown' });
  expect(schema.safeParse(read).success).toBe(true);
});

test('texts longer than the object takes are cut', async () => {
  const long = 'x'.repeat(1000);
  const read = await readProvenance({
    root: await tree({
      'proc/cpuinfo': processor(0, long).replace('0x2b000590', long),
      'proc/sys/kernel/osrelease': long,
      'proc/sys/kernel/random/boot_id': long,
      'sys/class/dmi/id/bios_vendor': long,
      'sys/module/kvm_amd/parameters/nested': long,
    }),
  });
  expect(schema.parse(read)).toEqual(read);
  expect(read.cpu).toHaveLength(128);
});

test('a first block longer than one read, and garbage, do not harm', async () => {
  const noise = `bugs\t: ${'spectre '.repeat(4000)}\n`;
  const read = await readProvenance({ root: await tree({ 'proc/cpuinfo': `model name\t: A: B\n${noise}` }) });
  expect(read).toMatchObject({ cpu: 'A: B', family: 0 });
});

test('a machine that is not a guest says so', async () => {
  const cpuinfo = processor(0, 'Xeon').replace('hypervisor ', '');
  expect(await readProvenance({ root: await tree({ 'proc/cpuinfo': cpuinfo }) })).toMatchObject({
    hypervisor: false,
  });
});

test.each([
  ['kvm_intel', 'Y\n', true],
  ['kvm_amd', '1\n', true],
  ['kvm_amd', '0\n', false],
  ['kvm_intel', 'N\n', false],
])('%s.nested of %j means %s', async (module, value, on) => {
  expect(await nestedParameter(await tree({ [`sys/module/${module}/parameters/nested`]: value }))).toBe(on);
});

test('without the parameter nothing nests', async () => {
  expect(await nestedParameter(await tree({}))).toBe(false);
});
