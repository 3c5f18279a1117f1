/** Every parser and importer under mutated input, and against inputs that are far too large. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { readDocuments } from '../../cli/input/documents.ts';
import { parseManifest } from '../../crds/parse.ts';
import { loadConfig } from '../../kube/config.ts';
import { splitLines } from '../../kube/watch.ts';
import { cloudHypervisorData } from '../../profiles/formats/cloud-hypervisor.ts';
import { firecrackerAdjustments } from '../../profiles/formats/firecracker.ts';
import { kvmFile } from '../../profiles/formats/kvm.ts';
import { importFrom, IMPORT_SOURCES } from '../../profiles/import/import-from.ts';
import { filterFromWire } from '../../profiles/msr-filter/wire.ts';
import { fuzz, reproduce, summary } from './fuzz.ts';
import { filterWire, manifests } from './seeds.ts';
import { TARGETS } from './targets.ts';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 5);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

describe(`mutated input, ${seconds} s each, seed ${seed}`, () => {
  test.each(TARGETS.map(({ name }) => name))(
    '%s',
    async (name) => {
      const result = await fuzz(name, seconds, seed);
      console.log(summary(name, seed, result));
      const { failure } = result;
      expect(failure && reproduce(name, seed, failure)).toBeUndefined();
      expect(result.executions).toBeGreaterThan(0);
    },
    (seconds + 30) * 1000,
  );
});

const MEGABYTE = 1024 * 1024;
/** Measured a quarter of it at most; the machine may be busy elsewhere. */
const MOST_MS = 2000;
const MOST_MB = 200;
const folder = mkdtempSync(join(tmpdir(), 'fuzz-large-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
let files = 0;
const fileOf = (text: string): string => {
  files += 1;
  const path = join(folder, `large-${files}`);
  writeFileSync(path, text);
  return path;
};

/** Fails for what is taken, and for what takes long or leaves much behind until it is refused. */
async function refusedQuickly(run: () => unknown): Promise<void> {
  const heap = process.memoryUsage().heapUsed;
  const began = performance.now();
  await expect(async () => await run()).rejects.toThrow(
    /larger than|longer than|more than|holds no|too long|maxDepth|not a line|not a CPU|unknown field/,
  );
  expect(performance.now() - began).toBeLessThan(MOST_MS);
  expect((process.memoryUsage().heapUsed - heap) / MEGABYTE).toBeLessThan(MOST_MB);
}

const times = (part: string, bytes: number): string => part.repeat(Math.ceil(bytes / part.length));
const ROW = '- {leaf: "0x7", subleaf: "0x0", eax: "0x0", ebx: "0x0", ecx: "0x0", edx: "0x0"}\n';
const LARGE: readonly (readonly [what: string, part: string])[] = [
  ['one word', 'x'],
  ['lines', 'a\n'],
  ['rows of a snapshot', ROW],
  ['lists in lists', '['],
  ['elements', '<a>'],
  ['lines of cpuid -r', '   0x00000000 0x00: eax=0x00000000 ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n'],
];

describe.each(LARGE)('50 MB of %s are refused quickly', (_, part) => {
  const text = times(part, 50 * MEGABYTE);

  test('as a file of documents', async () => {
    const path = fileOf(text);
    await refusedQuickly(() => readDocuments(path));
  });
  test('as a kubeconfig', async () => {
    const path = fileOf(text);
    await refusedQuickly(() => loadConfig({ env: {}, kubeconfig: path }));
  });
  test.each(IMPORT_SOURCES)('by the importer of %s', async (source) => {
    await refusedQuickly(() => importFrom(source, [{ name: 'large', text }], { vendor: 'intel' }));
  });
  test.each([
    ['cloud-hypervisor', () => cloudHypervisorData({ cpuid: text, msr: text })],
    ['firecracker', () => firecrackerAdjustments(text)],
    ['kvm', () => kvmFile(text)],
  ])('by the format %s', async (_name, run) => {
    await refusedQuickly(run);
  });
});

test('50 MB without a newline in a watch are refused quickly', async () => {
  const chunks = Array.from({ length: 50 }, () => Buffer.alloc(MEGABYTE, 'x'));
  await refusedQuickly(async () => {
    for await (const line of splitLines(Readable.from(chunks))) expect(line).toBeUndefined();
  });
});

describe('1,000,000 entries are refused quickly', () => {
  const MILLION = 1_000_000;
  const entry = { leaf: '0x7', subleaf: '0x0', eax: '0x0', ebx: '0x0', ecx: '0x0', edx: '0x0' };
  const listOf = (item: unknown): unknown[] => Array.from({ length: MILLION }, () => item);
  const [snapshot] = manifests.CpuSnapshot;
  const [profile] = manifests.CpuProfile;
  const specOf = (manifest: object): object => ('spec' in manifest ? Object(manifest.spec) : {}) as object;

  test.each([
    ['CPUID entries', { ...snapshot, spec: { ...specOf(snapshot), cpuid: listOf(entry) } }],
    ['entries of another kind', { ...snapshot, spec: { ...specOf(snapshot), msrIndices: listOf(0) } }],
    ['formats', { ...profile, spec: { ...specOf(profile), delivery: { formats: listOf('kvm') } } }],
  ])('in a manifest: %s', async (_, manifest) => {
    await refusedQuickly(() => parseManifest(manifest));
  });

  test.each([
    ['permitted ranges', { ...filterWire, allowed: listOf({ first: '0x0', last: '0x1', access: 'r' }) }],
    ['filter ranges', { ...filterWire, ranges: listOf(0) }],
  ])('in a filter: %s', async (_, wire) => {
    await refusedQuickly(() => {
      try {
        filterFromWire(wire);
      } catch (error) {
        throw error instanceof Error ? new Error(`more than fits: ${error.message}`) : error;
      }
    });
  });

  test.each([
    ['JSON list', `[${'{},'.repeat(MILLION)}{}]`],
    ['JSON map', `{${Array.from({ length: MILLION }, (_, i) => `"k${i}":0`).join(',')}}`],
    ['YAML list', '- a\n'.repeat(MILLION)],
    ['YAML documents', '---\na\n'.repeat(MILLION)],
    ['YAML map', Array.from({ length: MILLION }, (_, i) => `k${i}: 0\n`).join('')],
  ])('in a file of documents: %s', async (_, text) => {
    const path = fileOf(text);
    await refusedQuickly(() => readDocuments(path));
    await refusedQuickly(() => loadConfig({ env: {}, kubeconfig: path }));
  });

  test.each([
    ['cpuid', 'CPU:\n' + '\n'.repeat(MILLION)],
    ['firecracker', `{"msr_modifiers":[${'0,'.repeat(MILLION)}0]}`],
    ['cloud-hypervisor', `{"adjustments":[${'0,'.repeat(MILLION)}0]}`],
    ['libvirt', `<cpudata arch="x86">${'<a/>'.repeat(MILLION)}</cpudata>`],
    ['qemu', `Nehalem${',+avx'.repeat(MILLION)}`],
  ] as const)('by the importer of %s', async (source, text) => {
    await refusedQuickly(() => {
      try {
        importFrom(source, [{ name: 'large', text }], {});
      } catch (error) {
        throw error instanceof Error ? new Error(`more than fits: ${error.message}`) : error;
      }
    });
  });
});
