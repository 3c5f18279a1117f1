/** The other kinds on the real API server, and what `kubectl get` and `kubectl explain` show of all. */
import { beforeAll, describe, expect, it } from 'vitest';
import { kubectl } from '../test/control-plane/inject.ts';
import type { CommandResult } from '../test/control-plane/kubectl.ts';

type Fields = Record<string, unknown>;
const TIME = '2026-01-02T03:04:05Z';
const SNAPSHOT = 'intel-0123456789abcdef';

const apply = (kind: string, name: string, content: Fields, ...flags: string[]): Promise<CommandResult> =>
  kubectl(
    ['apply', '--server-side', ...flags, '-f', '-'],
    JSON.stringify({ apiVersion: 'cpuprofiles.dev/v1alpha1', kind, metadata: { name }, ...content }),
  );
const writeStatus = (kind: string, name: string, status: Fields): Promise<CommandResult> =>
  apply(kind, name, { status }, '--subresource=status', '--field-manager=status');

const condition = (type: string): Fields => ({
  type,
  status: 'True',
  reason: 'Done',
  message: '',
  lastTransitionTime: TIME,
  observedGeneration: 1,
});
const cpuidEntry = (subleaf: number): Fields => ({
  leaf: '0x7',
  subleaf: `0x${subleaf.toString(16)}`,
  eax: '0x0',
  ebx: '0xffffffff',
  ecx: '0xffffffff',
  edx: '0xffffffff',
});
const snapshot = (change: Fields = {}): Fields => ({
  vendor: 'intel',
  source: 'kvm',
  partial: false,
  cpuid: [cpuidEntry(0)],
  featureMsrs: [{ index: '0x10a', value: '0xffffffffffffffff' }],
  msrIndices: ['0x10'],
  capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
  ...change,
});

describe('CpuSnapshot', () => {
  it('is accepted, with lists that were not observed left out', async () => {
    expect((await apply('CpuSnapshot', 'amd-0000000000000001', { spec: snapshot() })).stderr).toBe('');
    const unobserved = snapshot({
      vendor: 'amd',
      source: 'raw',
      partial: true,
      featureMsrs: undefined,
      msrIndices: undefined,
    });
    expect((await apply('CpuSnapshot', 'amd-0000000000000002', { spec: unobserved })).stderr).toBe('');
  });

  it.each<[string, Fields]>([
    ['a value', { msrIndices: ['0x10', '0x11'] }],
    ['a list dropped', { featureMsrs: null }],
    ['a flag', { partial: true }],
  ])('is immutable: %s', async (what, change) => {
    const name = `intel-${what.replaceAll(' ', '-')}`;
    expect((await apply('CpuSnapshot', name, { spec: snapshot() })).stderr).toBe('');
    const { stderr } = await kubectl([
      'patch',
      'cpus',
      name,
      '--type=merge',
      '-p',
      JSON.stringify({ spec: change }),
    ]);
    expect(stderr).toContain('a snapshot is immutable: its name is the digest of its content');
  });

  it('may be as large as its limits say, and is still compared', async () => {
    const largest = snapshot({
      cpuid: Array.from({ length: 2048 }, (_, i) => cpuidEntry(i)),
      featureMsrs: Array.from({ length: 4096 }, (_, i) => ({
        index: `0x${i.toString(16)}`,
        value: '0xffffffffffffffff',
      })),
      msrIndices: Array.from({ length: 4096 }, (_, i) => `0x${i.toString(16)}`),
    });
    expect((await apply('CpuSnapshot', 'intel-largest', { spec: largest })).stderr).toBe('');
    const { stderr } = await kubectl(['label', 'cpus', 'intel-largest', 'a=b']);
    expect(stderr).toBe('');
  });

  it('is refused with more entries than that', async () => {
    const spec = snapshot({ cpuid: Array.from({ length: 2049 }, (_, i) => cpuidEntry(i)) });
    const { stderr } = await apply('CpuSnapshot', 'intel-larger', { spec });
    expect(stderr).toContain('spec.cpuid: Too many: 2049: must have at most 2048 items');
  });
});

describe('NodeCpu', () => {
  const provenance = {
    cpu: 'Intel(R) Xeon(R) Platinum 8480+',
    family: 6,
    model: 143,
    stepping: 8,
    microcode: '0x2b000590',
    firmware: 'SE5C7411.86B.9525',
    kernel: '6.12.0-1-amd64',
    modules: { 'kvm_intel.nested': '1' },
    bootId: '6f1b1f5e-8c5e-4f0e-9d35-2d1d2b8c9b7a',
    hypervisor: false,
  };
  const verdict = (i: number): Fields => ({
    profile: `profile-${String(i)}`,
    digest: '0123456789abcdef',
    compatible: 'No',
    proven: false,
    since: TIME,
    reason: 'CpuidBitsMissing',
    findings: 3,
    message: 'x'.repeat(200),
  });

  it('takes a full status, 512 verdicts', async () => {
    expect((await apply('NodeCpu', 'node-full', { spec: { release: ['skylake'] } })).stderr).toBe('');
    const status = {
      snapshot: SNAPSHOT,
      observedAt: TIME,
      provenance,
      verdicts: Array.from({ length: 512 }, (_, i) => verdict(i)),
      history: [{ at: TIME, snapshot: SNAPSHOT, kernel: '6.12.0', microcode: '0x1', firmware: 'f' }],
      conditions: [condition('Probed'), condition('Labelled')],
    };
    expect((await writeStatus('NodeCpu', 'node-full', status)).stderr).toBe('');
    const stored = await kubectl(['get', 'ncpu', 'node-full', '-o', 'jsonpath={.status}']);
    expect(JSON.parse(stored.stdout)).toEqual(status);
  });

  it.each<[string, Fields, string]>([
    ['a 513th verdict', { verdicts: Array.from({ length: 513 }, (_, i) => verdict(i)) }, 'Too many: 513'],
    ['another answer', { verdicts: [{ ...verdict(0), compatible: 'Maybe' }] }, 'Unsupported value: "Maybe"'],
    [
      'a long message',
      { verdicts: [{ ...verdict(0), message: 'x'.repeat(201) }] },
      'may not be more than 200',
    ],
    ['a time in words', { observedAt: 'yesterday' }, 'must be of type date-time'],
    [
      'a condition twice',
      { conditions: [condition('Probed'), condition('Probed')] },
      'duplicate entries for key',
    ],
  ])('refuses %s', async (_, status, message) => {
    await apply('NodeCpu', 'node-refused', { spec: {} });
    expect((await writeStatus('NodeCpu', 'node-refused', status)).stderr).toContain(message);
  });
});

describe('CpuBaseline', () => {
  it('is accepted', async () => {
    const spec = {
      nodeSelector: { 'cpuprofiles.dev/vendor': 'intel' },
      profileName: 'pool-a-v1',
      options: { nested: false },
    };
    expect((await apply('CpuBaseline', 'pool-a', { spec })).stderr).toBe('');
    const status = {
      profile: 'pool-a-v1',
      nodes: 12,
      snapshots: 3,
      limitedBy: [
        { where: 'CPUID leaf 0x7 subleaf 0x0 EBX', bits: [16], name: 'avx512f', snapshots: [SNAPSHOT] },
      ],
      conditions: [condition('Ready')],
    };
    expect((await writeStatus('CpuBaseline', 'pool-a', status)).stderr).toBe('');
  });

  it('is refused without a profile name', async () => {
    const { stderr } = await apply('CpuBaseline', 'pool-b', { spec: { nodeSelector: {} } });
    expect(stderr).toContain('spec.profileName: Required value');
  });
});

describe('kubectl', () => {
  const profile = 'columns-cascade-lake-v2';
  const node = 'columns-worker-17.rack4';
  beforeAll(async () => {
    await apply('CpuProfile', profile, { spec: { vendor: 'intel', catalog: 'cascade-lake' } });
    await writeStatus('CpuProfile', profile, {
      nodes: { compatible: 4812, incompatible: 140, unknown: 48, held: 3 },
      configMaps: 12,
      conditions: [condition('Ready')],
    });
    await apply('NodeCpu', node, { spec: {} });
    await writeStatus('NodeCpu', node, {
      snapshot: SNAPSHOT,
      observedAt: TIME,
      conditions: [condition('Probed')],
    });
    await apply('CpuSnapshot', SNAPSHOT, { spec: snapshot() });
  });

  it('get shows all three in tables of at most 100 columns', async () => {
    const { stdout } = await kubectl([
      'get',
      `cpuprofile/${profile}`,
      `nodecpu/${node}`,
      `cpusnapshot/${SNAPSHOT}`,
    ]);
    const lines = stdout.split('\n').filter((line) => line !== '');
    const cells = lines.map((line) => line.trim().split(/\s{2,}|\s(?=\S+$)/));
    expect(cells).toEqual([
      ['NAME', 'VENDOR', 'YES', 'NO', 'UNKNOWN', 'READY', 'AGE'],
      [`cpuprofile.cpuprofiles.dev/${profile}`, 'intel', '4812', '140', '48', 'True', expect.any(String)],
      ['NAME', 'SNAPSHOT', 'PROBED', 'OBSERVED'],
      [`nodecpu.cpuprofiles.dev/${node}`, SNAPSHOT, 'True', expect.any(String)],
      ['NAME', 'VENDOR', 'SOURCE', 'PARTIAL', 'AGE'],
      [`cpusnapshot.cpuprofiles.dev/${SNAPSHOT}`, 'intel', 'kvm', 'false', expect.any(String)],
    ]);
    expect(Math.max(...lines.map((line) => line.trimEnd().length))).toBeLessThanOrEqual(100);
  });

  it('get -o wide has the rest', async () => {
    const { stdout } = await kubectl(['get', 'cpup', profile, '-o', 'wide']);
    expect(stdout.split('\n')[0]?.trim().split(/\s+/)).toEqual([
      'NAME',
      'VENDOR',
      'YES',
      'NO',
      'UNKNOWN',
      'READY',
      'AGE',
      'HELD',
      'CONFIGMAPS',
      'CATALOG',
      'REASON',
    ]);
  });

  it('explain says what a field means', async () => {
    const { stdout } = await kubectl(['explain', 'cpuprofile.spec.data.cpuid']);
    expect(stdout).toContain('guest = (host & mask) | value; a register that is not listed is 0');
    expect(stdout).toMatch(/mask\t<string> -required-\n\s+Bits that come from the host/);
  });
});
