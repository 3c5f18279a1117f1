/** The bundled command's verbs that make and compare: baseline, derive, diff, explain, lint with hosts. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmptyDirectory, type Run } from './empty-directory.ts';

const HOSTS = [
  'linux-6.1-epyc-rome',
  'linux-6.1-epyc-rome-no-clwb',
  'linux-6.12-epyc',
  'linux-6.12-epyc-milan',
  'firecracker-guest-skylake',
];

let directory: EmptyDirectory;
const run = (...flags: string[]): Run => directory.run('cpuprofile', flags);
const host = (name: string): string => `${name}.json`;
const json = (result: Run): unknown => JSON.parse(result.stdout);
const write = (name: string, { code, stdout }: Run): string => {
  expect(code).toBe(0);
  writeFileSync(join(directory.path, name), stdout);
  return name;
};

beforeAll(() => {
  directory = new EmptyDirectory('cpuprofile');
  for (const name of HOSTS) copyFileSync(`test/hosts/${name}.json`, join(directory.path, host(name)));
});
afterAll(() => {
  directory.remove();
});

interface Limited {
  profile: { metadata: { name: string }; spec: { vendor: string } };
  limitedBy: { name: string; bits: number[]; snapshots: string[] }[];
  warnings: string[];
  explanation?: { hosts: unknown[]; without: { snapshots: string[]; gains: unknown[] } };
}

describe('baseline', () => {
  const pool = ['linux-6.1-epyc-rome', 'linux-6.12-epyc', 'linux-6.12-epyc-milan'].map(host);

  test('prints a manifest that is Yes on every member, and the limits beside it', () => {
    const made = run('baseline', 'pool-a-v1', ...pool);
    expect(load(made.stdout)).toMatchObject({
      kind: 'CpuProfile',
      metadata: { name: 'pool-a-v1' },
      spec: { vendor: 'amd' },
    });
    expect(made.stderr).toMatch(/^NAME +WHERE +CLASS +LIMITED BY$/m);
    expect(made.stderr).toMatch(/^umip +CPUID 7\.0:ECX\[2\] +isa +amd-/m);
    const checked = run('check', write('pool.yaml', made), '--snapshot', ...pool);
    expect(checked.code).toBe(0);
    expect(checked.stdout.match(/ Yes/g)).toHaveLength(3);
  });
  test('-o json holds profile, limits and, asked for, the explanation', () => {
    const { profile, limitedBy, explanation } = json(
      run('baseline', 'pool-a-v1', ...pool, '-o', 'json', '--explain'),
    ) as Limited;
    expect(profile.spec.vendor).toBe('amd');
    expect(limitedBy.find(({ name }) => name === 'umip')?.bits).toEqual([2]);
    expect(explanation?.hosts).toHaveLength(3);
    expect(explanation?.without.gains.length).toBeGreaterThan(0);
    expect(json(run('baseline', 'pool-a-v1', ...pool, '-o', 'json'))).not.toHaveProperty('explanation');
  });
  test('order and repeats do not matter, one host is generate', () => {
    expect(run('baseline', 'pool-a-v1', ...[...pool, ...pool].reverse()).stdout).toBe(
      run('baseline', 'pool-a-v1', ...pool).stdout,
    );
    const [one = ''] = pool;
    expect(run('baseline', 'one', one).stdout).toBe(run('generate', 'one', '--snapshot', one).stdout);
  });
  test.each([
    [['pool', host('linux-6.12-epyc'), host('firecracker-guest-skylake')], /its source is guest/],
    [['Pool', host('linux-6.12-epyc')], /DNS label/],
    [['pool', 'absent.json'], /absent\.json: no such file/],
    [['pool', host('linux-6.12-epyc'), '--amx'], /options\.amx/],
  ])('%j is bad input', (flags, message) => {
    const { code, stdout, stderr } = run('baseline', ...flags);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('derive', () => {
  test('takes a feature and what needs it, under the new name', () => {
    const derived = write(
      'lite.yaml',
      run('derive', 'skylake-lite', 'catalog:skylake', '--without', 'avx512f,0x10a[17]'),
    );
    expect(run('lint', derived).code).toBe(0);
    const differences = (
      json(run('diff', 'catalog:skylake', derived, '-o', 'json')) as {
        differences: { name: string; change: string }[];
      }
    ).differences;
    const lost = differences.filter(({ change }) => change === 'lost').map(({ name }) => name);
    expect(lost).toEqual(expect.arrayContaining(['avx512f', 'avx512bw', 'xcr0_avx512_opmask']));
    expect(differences.map(({ change }) => change)).not.toContain('gained');
  });
  test('-o table lists what went and with what', () => {
    expect(run('derive', 'x', 'catalog:skylake', '--without', 'avx512f', '-o', 'table').stdout).toMatch(
      /^avx512bw +CPUID 7\.0:EBX\[30\] +isa +avx512f$/m,
    );
  });
  test.each([
    [['x', 'catalog:skylake', '--without', 'avx512'], /catalog:skylake: .*did you mean .*avx512f/],
    [['x', 'catalog:skylake'], /--without/],
    [['x', 'catalog:i486', '--without', 'avx'], /i486/],
  ])('%j is bad input', (flags, message) => {
    const { code, stderr } = run('derive', ...flags);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe('diff', () => {
  test('two hosts that differ in one bit: exit 1 and that bit', () => {
    const { code, stdout } = run('diff', host('linux-6.1-epyc-rome-no-clwb'), host('linux-6.1-epyc-rome'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^\+ +clwb +CPUID 7\.0:EBX\[24\] +isa +0x0 +0x1$/m);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });
  test('nothing: exit 0', () => {
    const { code, stdout } = run('diff', 'catalog:skylake', 'catalog:skylake');
    expect(code).toBe(0);
    expect(stdout).toBe('no difference\n');
  });
  test('a profile and a host cannot be compared', () => {
    const { code, stderr } = run('diff', 'catalog:skylake', host('linux-6.12-epyc'));
    expect(code).toBe(2);
    expect(stderr).toContain('check compares a profile with a host');
  });
});

describe('explain and lint against hosts', () => {
  test('explain names the cause, its source and the change that turns the answer', () => {
    const { code, stdout } = run(
      'explain',
      'catalog:skylake',
      '--snapshot',
      host('firecracker-guest-skylake'),
    );
    expect(code).toBe(1);
    expect(stdout).toContain('Possible cause: KVM passes FLUSH_L1D on to guests from kernel 6.4 only.');
    expect(stdout).toContain('What would change the answer');
    expect(stdout).toContain('a profile without flush_l1d');
  });
  test('-o json carries why, causes and change', () => {
    const { verdicts } = json(
      run('explain', 'catalog:skylake', '--snapshot', host('firecracker-guest-skylake'), '-o', 'json'),
    ) as {
      verdicts: {
        findings: { name: string; why: string; causes: { code: string; source: string }[] }[];
        change: { names: string[] };
      }[];
    };
    const finding = verdicts[0]?.findings.find(({ name }) => name === 'flush_l1d');
    expect(finding?.why).toMatch(/\.$/);
    expect(finding?.causes.map(({ code }) => code)).toEqual(['FlushL1dNotPassedOn']);
    expect(verdicts[0]?.change.names).toEqual(['flush_l1d']);
  });
  test('lint --snapshot names claims about defects that a host contradicts', () => {
    const { code, stdout } = run(
      'lint',
      'catalog:skylake',
      '--snapshot',
      host('firecracker-guest-skylake'),
      '-o',
      'json',
    );
    expect(code).toBe(1);
    const { profiles } = JSON.parse(stdout) as {
      profiles: { accepted: boolean; security: { code: string; name: string }[] }[];
    };
    expect(profiles[0]?.accepted).toBe(true);
    expect(profiles[0]?.security).toMatchObject([{ code: 'ImmunityNotOffered', name: 'flush_l1d' }]);
  });
});
