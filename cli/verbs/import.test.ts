/** The verb as a user runs it: exit codes, standard error, and manifests that the other verbs take. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { LIBVIRT_DOMAIN_CPU, rendered, smallHost, smallProfile, cpuidDump } from '../../test/fuzz/seeds.ts';

const MAIN = new URL('../main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'import-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const run = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

const dump = cpuidDump(smallHost.cpuid);
const files = rendered(smallProfile);
const pair = [
  file('c.json', files['cloud-hypervisor.cpuid.json'] ?? ''),
  file('m.json', files['cloud-hypervisor.msr.json'] ?? ''),
];

describe('cpuprofile import', () => {
  it('prints a CpuSnapshot that the other verbs take, and says what it does not know', () => {
    const { status, stdout, stderr } = run(['import', '--from', 'cpuid', '-'], dump);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^apiVersion: cpuprofiles\.dev\/v1alpha1\nkind: CpuSnapshot\nmetadata:\n {2}name: intel-[0-9a-f]{16}\n/,
    );
    expect(stderr).toMatch(/^not known: feature MSRs and KVM's list of MSRs: absent, not empty$/m);
    const checked = run(['check', 'catalog:skylake', '--snapshot', '-'], stdout);
    expect([checked.status, checked.stderr]).toEqual([4, '']);
  });

  it('prints a CpuProfile as JSON; two files are one profile of Cloud Hypervisor', () => {
    const { status, stdout } = run([
      'import',
      '--from',
      'cloud-hypervisor',
      ...pair,
      '--name',
      'small',
      '-o',
      'json',
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'CpuProfile',
      metadata: { name: 'small' },
      spec: { vendor: 'intel' },
    });
  });

  it('makes a list of several machines', () => {
    const other = file('other.txt', dump.replace('ecx=0xf7fa3203', 'ecx=0xf7fa3202'));
    const { status, stdout, stderr } = run([
      'import',
      '--from',
      'cpuid',
      file('one.txt', dump),
      other,
      '-o',
      'json',
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      apiVersion: 'v1',
      kind: 'List',
      items: [{ kind: 'CpuSnapshot' }, { kind: 'CpuSnapshot' }],
    });
    expect(stderr).toContain(`${other}: not known: `);
  });

  it('prints a profile that no node would run, and ends with 1', () => {
    const { status, stdout, stderr } = run([
      'import',
      '--from',
      'qemu',
      'qemu:Skylake-Server-v1,+vmx',
      '--name',
      'nested',
    ]);
    expect(status).toBe(1);
    expect(stdout).toContain('kind: CpuProfile');
    expect(stderr).toMatch(/warning: as it stands no node runs it: NestedMsrsIncomplete/);
  });

  test.each([
    ['a snapshot with a name', ['--from', 'cpuid', '-', '--name', 'x'], dump, 'named by its content'],
    ['a profile without a name', ['--from', 'libvirt', '-'], LIBVIRT_DOMAIN_CPU, 'name it with --name'],
    ['a bad name', ['--from', 'libvirt', '-', '--name', 'Not.A.Label'], LIBVIRT_DOMAIN_CPU, 'Not.A.Label'],
    ['another vendor', ['--from', 'cpuid', '-', '--vendor', 'amd'], dump, 'is for intel'],
    ['another format', ['--from', 'libvirt', '-'], dump, 'standard input line 1'],
    ['no such file', ['--from', 'cpuid', join(folder, 'none')], '', 'no such file'],
    ['no source', ['-'], dump, '--from'],
    ['an unknown source', ['--from', 'xen', '-'], dump, 'xen'],
    ['a terminal escape', ['--from', 'cpuid', '-'], 'CPU:\n\u001b]0;owned\u0007\n', 'line 2'],
  ])('refuses in one line, with exit code 2: %s', (_, args, input, message) => {
    const { status, stdout, stderr } = run(['import', ...args], input);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^cpuprofile: [^\p{Cc}]*\n$/u);
  });
});
