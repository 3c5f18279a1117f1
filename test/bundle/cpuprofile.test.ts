import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProfileDataWire } from '../../profiles/model/profile.ts';
import type { SnapshotWire } from '../../profiles/model/snapshot.ts';
import { EmptyDirectory, type Run } from './empty-directory.ts';

interface SnapshotManifest {
  kind: string;
  metadata: { name: string };
  spec: SnapshotWire;
}
interface ProfileManifest {
  kind: string;
  metadata: { name: string };
  spec: { vendor: string; data: ProfileDataWire };
}
interface Verdicts {
  verdicts: {
    profile: { name: string; digest: string };
    snapshot: { name: string };
    compatible: string;
    findings: { code: string; severity: string; bits: number[]; where: object; name: string }[];
  }[];
}

const amd = existsSync('/proc/cpuinfo') && readFileSync('/proc/cpuinfo', 'utf8').includes('AuthenticAMD');

let directory: EmptyDirectory;
const run = (...flags: string[]): Run => directory.run('cpuprofile', flags);
const write = (name: string, content: string): string => {
  writeFileSync(join(directory.path, name), content);
  return name;
};
beforeAll(() => {
  directory = new EmptyDirectory('cpuprofile');
});
afterAll(() => {
  directory.remove();
});

/** One line on standard error, nothing on standard output. */
function expectFailure(result: Run, code: number, ...parts: string[]): void {
  expect(result.stdout).toBe('');
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  for (const part of parts) expect(result.stderr).toContain(part);
  expect(result.code).toBe(code);
}

describe('without a machine', () => {
  test('--version and --help end with 0, wrong usage with 2', () => {
    expect(run('--version').code).toBe(0);
    expect(run('--help').stdout).toContain('catalog:NAME');
    expectFailure(run('chekc'), 2, 'chekc');
    expect(run('check', '--nonsense').code).toBe(2);
  });

  test('catalog lists the shipped profiles and prints each as a manifest that reads back', () => {
    const { stdout } = run('catalog', '-o', 'json');
    const { profiles } = JSON.parse(stdout) as {
      profiles: { name: string; vendor: string; source: string; fitsWhereverTheseFit: string[] }[];
    };
    expect(profiles.length).toBeGreaterThan(40);
    for (const { source } of profiles) expect(source).toMatch(/QEMU|psABI|Apache-2\.0/);
    expect(profiles.find(({ name }) => name === 'x86-64-v2-intel')?.fitsWhereverTheseFit).toContain(
      'icelake-server-v5',
    );
    for (const line of run('catalog').stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    for (const name of ['cascade-lake', 'sapphire-rapids', 'skylake', 'icelake-server-v5']) {
      const manifest = write(`${name}.yaml`, run('catalog', name).stdout);
      const [fromFile, fromCatalog] = [
        run('check', manifest, '--snapshot', snapshotOf(name)),
        run('check', `catalog:${name}`, '--snapshot', snapshotOf(name)),
      ];
      expect(JSON.stringify(fromFile)).toBe(JSON.stringify(fromCatalog));
    }
    expectFailure(run('catalog', 'i486'), 2, 'i486', 'skylake');
    expectFailure(run('catalog', 'icelake-server-v6'), 2, '"icelake-server-v5" stands for it');
    expectFailure(run('lint', 'catalog:haswel-v4'), 2, 'there is haswell-v4');
  });

  test('lint of every shipped profile ends with 0', () => {
    expect(run('lint', 'catalog:skylake', 'catalog:cascade-lake', 'catalog:sapphire-rapids').code).toBe(0);
  });

  test('render writes the files of the ConfigMap, whole, and again the same', () => {
    const first = run('render', 'catalog:skylake', '--dir', 'out');
    expect(first.stderr).toBe('');
    const files = readdirSync(join(directory.path, 'out')).toSorted();
    expect(files).toEqual([
      'cloud-hypervisor.cpuid.json',
      'cloud-hypervisor.msr.json',
      'fidelity.json',
      'firecracker.json',
      'kvm-msr-filter.json',
      'kvm.json',
      'libvirt.xml',
      'profile.json',
      'qemu.args',
    ]);
    const bytes = files.map((file) => readFileSync(join(directory.path, 'out', file), 'utf8'));
    run('render', 'catalog:skylake', '--dir', 'out');
    expect(files.map((file) => readFileSync(join(directory.path, 'out', file), 'utf8'))).toEqual(bytes);
  });

  test('render into a place that is a file says so and leaves nothing behind', () => {
    const before = readdirSync(directory.path);
    expectFailure(run('render', 'catalog:skylake', '--dir', 'cpuprofile.mjs'), 2, 'cpuprofile.mjs');
    expect(readdirSync(directory.path)).toEqual(before);
  });

  test('filter --test says what happens to single MSRs', () => {
    const { stdout, code } = run(
      'filter',
      'catalog:skylake',
      '--test',
      '0x10',
      '0x1d9',
      '0x808',
      '-o',
      'json',
    );
    expect(JSON.parse(stdout)).toEqual({
      msrs: [
        { msr: '0x10', read: 'allowed', write: 'allowed' },
        { msr: '0x1d9', read: 'denied', write: 'denied' },
        { msr: '0x808', read: 'not-filterable', write: 'not-filterable' },
      ],
    });
    expect(code).toBe(0);
    expectFailure(run('filter', 'catalog:skylake', '--test', 'x'), 2, '--test', '"x"');
  });
});

/** A snapshot that knows nothing but its vendor. */
function snapshotOf(name: string): string {
  const spec = {
    vendor: 'intel',
    source: 'kvm',
    partial: true,
    cpuid: [],
    capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
  };
  return write(
    `${name}.snapshot.json`,
    JSON.stringify({
      apiVersion: 'cpuprofiles.dev/v1alpha1',
      kind: 'CpuSnapshot',
      metadata: { name: 'x' },
      spec,
    }),
  );
}

describe('bad input: one line that names file, place and reason, exit 2', () => {
  const profile = (data: object): string =>
    JSON.stringify({
      apiVersion: 'cpuprofiles.dev/v1alpha1',
      kind: 'CpuProfile',
      metadata: { name: 'p' },
      spec: { vendor: 'intel', data },
    });
  const register = (more: object): object => ({
    leaf: '0x1',
    subleaf: '0x0',
    register: 'ecx',
    mask: '0x0',
    value: '0x1',
    ...more,
  });
  const cases: [string, string, string[]][] = [
    ['truncated JSON', '{"apiVersion": "cpuprofiles.dev/v1a', ['bad.json']],
    ['broken YAML', 'a: [1', ['bad.json']],
    ['nothing', '', ['bad.json']],
    ['another kind', '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"}}', ['apiVersion', '"v1"']],
    ['an unknown field', profile({ cpuid: [], surprise: 1 }), ['surprise']],
    [
      'a bit above 31',
      profile({ cpuid: [register({ value: '0x100000000' })] }),
      ['spec.data.cpuid[0].value', '0x100000000'],
    ],
    [
      'a bit above 63',
      profile({ cpuid: [], featureMsrs: [{ index: '0x10a', mask: '0x0', value: '0x10000000000000000' }] }),
      ['spec.data.featureMsrs[0].value'],
    ],
    ['mask and value overlapping', profile({ cpuid: [register({ mask: '0x3' })] }), ['cpuid[0]', 'overlap']],
    [
      'a differing repeat',
      profile({ cpuid: [register({}), register({ value: '0x2' })] }),
      ['0x1', 'ECX', 'twice'],
    ],
    [
      'overlapping ranges',
      profile({ cpuid: [register({ lastSubleaf: '0x5' }), register({ subleaf: '0x3' })] }),
      ['overlapping'],
    ],
    [
      '1,025 entries',
      profile({
        cpuid: Array.from({ length: 1025 }, (_, i) => register({ subleaf: `0x${i.toString(16)}` })),
      }),
      ['spec.data.cpuid', '1,024'],
    ],
    [
      'a hostile key',
      profile(JSON.parse('{"cpuid": [], "__proto__": {"polluted": true}}') as object),
      ['bad.json'],
    ],
    ['a number where hex belongs', profile({ cpuid: [register({ leaf: 7 })] }), ['spec.data.cpuid[0].leaf']],
  ];
  test.each(cases)('%s', (_, content, parts) => {
    expectFailure(run('lint', write('bad.json', content)), 2, ...parts);
  });

  test('a name of 42 characters', () => {
    const name = 'n'.repeat(42);
    const content = profile({ cpuid: [] }).replace('"name":"p"', `"name":"${name}"`);
    expectFailure(run('lint', write('bad.json', content)), 2, 'metadata.name', '41');
    expectFailure(run('generate', name), 2, '41');
  });

  test('a missing file, a directory, 17 MiB, 100,000 entries', () => {
    expectFailure(run('lint', 'nowhere.yaml'), 2, 'nowhere.yaml', 'no such file');
    expectFailure(run('lint', 'node_modules'), 2, 'node_modules', 'directory');
    expectFailure(run('lint', write('big.json', ' '.repeat(17 * 1024 * 1024))), 2, 'big.json', '16 MiB');
    const many = profile({ cpuid: Array.from({ length: 100_000 }, () => register({})) });
    expectFailure(run('lint', write('many.json', many)), 2, 'many.json', 'more than 500,000 values');
  });

  test('standard input is named', () => {
    expectFailure(directory.run('cpuprofile', ['lint', '-'], 'a: [1'), 2, 'standard input');
  });

  test('a device that is missing or is not KVM: exit 3 and what to do', () => {
    expectFailure(run('probe', '--device', '/dev/nonsense'), 3, '/dev/nonsense');
    expectFailure(run('probe', '--device', '/dev/null'), 3, '/dev/null');
  });

  test('a cluster that does not answer: exit 3', () => {
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'u', user: { token: 't' } }],
    };
    const file = write('kubeconfig', JSON.stringify(kubeconfig));
    expectFailure(run('check', 'skylake', '--kubeconfig', file), 3, '127.0.0.1:1');
  });
});

describe.skipIf(!existsSync('/dev/kvm'))('on the real /dev/kvm', () => {
  let snapshot: SnapshotManifest;
  let profile: ProfileManifest;
  beforeAll(() => {
    snapshot = JSON.parse(run('probe', '-o', 'json').stdout) as SnapshotManifest;
    write('host.json', JSON.stringify(snapshot));
    const made = run('generate', 'this-machine', '--snapshot', 'host.json');
    write('mine.yaml', made.stdout);
    profile = load(made.stdout) as ProfileManifest;
  });
  const check = (...flags: string[]): { code: number | null; verdict: Verdicts['verdicts'][0] } => {
    const { code, stdout } = run('check', ...flags, '-o', 'json');
    const [verdict] = (JSON.parse(stdout) as Verdicts).verdicts;
    if (verdict === undefined) throw new Error(`no verdict in ${stdout}`);
    return { code, verdict };
  };

  test('probe prints a CpuSnapshot whose name is made of its content, the same every time', () => {
    expect(snapshot.kind).toBe('CpuSnapshot');
    expect(snapshot.metadata.name).toMatch(new RegExp(`^${snapshot.spec.vendor}-[0-9a-f]{16}$`));
    expect(snapshot.spec.source).toBe('kvm');
    expect(JSON.parse(run('probe', '-o', 'json').stdout)).toEqual(snapshot);
  });

  test('a profile generated from this machine is Yes on this machine, from the device and from the file', () => {
    expect(check('mine.yaml')).toMatchObject({
      code: 0,
      verdict: { compatible: 'Yes', snapshot: { name: snapshot.metadata.name } },
    });
    expect(check('mine.yaml', '--snapshot', 'host.json').verdict.compatible).toBe('Yes');
  });

  test('the same plus one bit that the machine lacks is No with that bit named', () => {
    const entry = snapshot.spec.cpuid.find(({ leaf, subleaf }) => leaf === '0x7' && subleaf === '0x0');
    expect(BigInt(entry?.ebx ?? '0x0') & (1n << 16n)).toBe(0n);
    const more = structuredClone(profile);
    const ebx = more.spec.data.cpuid.find(
      ({ leaf, subleaf, register }) => leaf === '0x7' && subleaf === '0x0' && register === 'ebx',
    );
    if (ebx === undefined) throw new Error('the profile has no 7.0:EBX');
    ebx.value = `0x${(BigInt(ebx.value) | (1n << 16n)).toString(16)}`;
    write('more.json', JSON.stringify(more));
    const { code, verdict } = check('more.json');
    expect(verdict.compatible).toBe('No');
    expect(verdict.findings.filter(({ severity }) => severity === 'error')).toEqual([
      expect.objectContaining({
        code: 'CpuidBitsMissing',
        where: { leaf: '0x7', subleaf: '0x0', register: 'ebx' },
        bits: [16],
        name: expect.stringMatching(/avx512f/i) as string,
      }),
    ]);
    expect(code).toBe(1);
    expect(run('explain', 'more.json').stdout).toMatch(/avx512f/i);
  });

  test.skipIf(!amd)('skylake is No: VendorMismatch (this machine must be AMD for it)', () => {
    const { code, verdict } = check('catalog:skylake');
    expect(verdict).toMatchObject({
      compatible: 'No',
      findings: [{ code: 'VendorMismatch', severity: 'error' }],
    });
    expect(code).toBe(1);
  });

  test('a snapshot without MSRs gives Unknown, exit 4', () => {
    const { featureMsrs, msrIndices, ...rest } = snapshot.spec;
    expect([featureMsrs, msrIndices].every((list) => list !== undefined)).toBe(true);
    write('no-msrs.json', JSON.stringify({ ...snapshot, spec: rest }));
    const { code, verdict } = check('mine.yaml', '--snapshot', 'no-msrs.json');
    expect(verdict.compatible).toBe('Unknown');
    expect(verdict.findings.some(({ code: each }) => each === 'NotObserved')).toBe(true);
    expect(code).toBe(4);
    expectFailure(run('generate', 'x', '--snapshot', 'no-msrs.json'), 2, 'no-msrs.json');
  });

  test('a generated profile lints, renders and compiles its filter', () => {
    expect(run('lint', 'mine.yaml').code).toBe(0);
    expect(run('render', 'mine.yaml', '--dir', 'mine').code).toBe(0);
    expect(run('filter', 'mine.yaml', '--mode', 'deny-known', '-o', 'json').code).toBe(0);
  });
});
