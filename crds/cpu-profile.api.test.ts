/** What a user reads when kubectl applies a CpuProfile: every rule and limit, on the real API server. */
import { describe, expect, it } from 'vitest';
import { kubectl } from '../test/control-plane/inject.ts';
import type { CommandResult } from '../test/control-plane/kubectl.ts';

const entry = { leaf: '0x7', subleaf: '0x0', register: 'ebx', mask: '0x0', value: '0xf1bf07ab' };
const data = { cpuid: [entry] };
type Fields = Record<string, unknown>;

const manifest = (name: string, spec: Fields): string =>
  JSON.stringify({ apiVersion: 'cpuprofiles.dev/v1alpha1', kind: 'CpuProfile', metadata: { name }, spec });
const apply = (name: string, spec: Fields): Promise<CommandResult> =>
  kubectl(['apply', '-f', '-'], manifest(name, spec));
const entries = (count: number): Fields[] =>
  Array.from({ length: count }, (_, i) => ({
    ...entry,
    leaf: '0x80000001',
    subleaf: `0x${i.toString(16)}`,
    mask: '0xffffffff',
    value: '0x0',
  }));
const withEntry = (change: Fields): Fields => ({
  vendor: 'intel',
  data: { cpuid: [{ ...entry, ...change }] },
});

let serial = 0;
const fresh = (): string => `rules-${String(serial++)}`;

/** Applies under a name of its own and answers what kubectl says on stderr; fails when it is accepted. */
async function refusal(spec: Fields, name = fresh()): Promise<string> {
  const { code, stdout, stderr } = await apply(name, spec);
  expect(stdout).toBe('');
  expect(code).toBe(1);
  return stderr;
}

async function accepted(spec: Fields, name = fresh()): Promise<string> {
  const { stderr, stdout } = await apply(name, spec);
  expect({ stderr, stdout }).toEqual({
    stderr: '',
    stdout: expect.stringMatching(/ (created|configured)\n$/) as string,
  });
  return name;
}

describe('a CpuProfile is accepted', () => {
  it.each<[string, Fields]>([
    ['by name of the catalogue', { vendor: 'intel', catalog: 'skylake' }],
    ['with data', { vendor: 'amd', data }],
    [
      'with everything',
      {
        vendor: 'intel',
        data: {
          cpuid: [
            entry,
            { ...entry, leaf: '0xd', subleaf: '0x3', lastSubleaf: '0x3f', mask: '0xF', value: '0X00000000' },
          ],
          featureMsrs: [{ index: '0x10a', mask: '0x0', value: '0xffffffffffffffff' }],
          requiredMsrs: ['0x10', '0x1b'],
        },
        options: { nested: false, amx: false, hyperv: true },
        filter: { mode: 'deny-known' },
        delivery: {
          namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['a'] }] },
          formats: ['kvm', 'qemu'],
        },
      },
    ],
    ['with padded numbers', withEntry({ leaf: '0x0000000000000007', value: '0x00000000ffffffff' })],
  ])('%s', async (_, spec) => {
    await accepted(spec);
  });

  it('with the longest name, 41 characters', async () => {
    await accepted({ vendor: 'intel', catalog: 'skylake' }, 'a'.repeat(41));
  });

  it('with the most entries, by the client-side apply whose annotation holds the object a second time', async () => {
    const name = await accepted({
      vendor: 'intel',
      data: {
        cpuid: entries(1024),
        featureMsrs: Array.from({ length: 256 }, (_, i) => ({
          index: `0x${(0xc001_0000 + i).toString(16)}`,
          mask: '0x0',
          value: '0xffffffffffffffff',
        })),
        requiredMsrs: Array.from({ length: 2048 }, (_, i) => `0x${(0xc001_0000 + i).toString(16)}`),
      },
    });
    // Again with another part changed: three copies travel, and CEL compares 1,024 entries.
    const { stdout } = await kubectl([
      'patch',
      'cpup',
      name,
      '--type=merge',
      '-p',
      '{"spec":{"delivery":{"formats":["kvm"]}}}',
    ]);
    expect(stdout).toContain('patched');
  });
});

describe('a CpuProfile is refused', () => {
  it.each<[string, Fields, string]>([
    [
      'neither catalog nor data',
      { vendor: 'intel' },
      'spec: Invalid value: set exactly one of catalog and data',
    ],
    [
      'both catalog and data',
      { vendor: 'intel', catalog: 'skylake', data },
      'spec: Invalid value: set exactly one of catalog and data',
    ],
    [
      'another vendor',
      { vendor: 'via', catalog: 'x' },
      'spec.vendor: Unsupported value: "via": supported values: "intel", "amd"',
    ],
    ['no vendor', { catalog: 'x' }, 'spec.vendor: Required value'],
    ['data without cpuid', { vendor: 'intel', data: {} }, 'spec.data.cpuid: Required value'],
    ['no register', withEntry({ register: 'rax' }), 'spec.data.cpuid[0].register: Unsupported value: "rax"'],
    [
      'an unknown filter mode',
      { vendor: 'intel', catalog: 'x', filter: { mode: 'open' } },
      'spec.filter.mode: Unsupported value: "open"',
    ],
    [
      'an unknown format',
      { vendor: 'intel', catalog: 'x', delivery: { formats: ['xml'] } },
      'spec.delivery.formats[0]: Unsupported value: "xml"',
    ],
    [
      'a format twice',
      { vendor: 'intel', catalog: 'x', delivery: { formats: ['kvm', 'kvm'] } },
      'spec.delivery.formats[1]: Duplicate value: "kvm"',
    ],
    [
      'a decimal number',
      withEntry({ mask: '31' }),
      `spec.data.cpuid[0].mask: Invalid value: "31": spec.data.cpuid[0].mask in body should match`,
    ],
    [
      'a number that is no string',
      withEntry({ leaf: 7 }),
      'spec.data.cpuid[0].leaf: Invalid value: "integer": spec.data.cpuid[0].leaf in body must be of type string: "integer"',
    ],
    [
      'a bit above 31 in a register',
      withEntry({ value: '0x1ffffffff' }),
      `"0x1ffffffff": spec.data.cpuid[0].value in body should match '^0[xX]0*[0-9a-fA-F]{1,8}$'`,
    ],
    [
      'a bit above 63 in an MSR',
      {
        vendor: 'intel',
        data: { cpuid: [], featureMsrs: [{ index: '0x10a', mask: '0x10000000000000000', value: '0x0' }] },
      },
      `"0x10000000000000000": spec.data.featureMsrs[0].mask in body should match '^0[xX]0*[0-9a-fA-F]{1,16}$'`,
    ],
    [
      'an MSR index above 31 bits',
      { vendor: 'intel', data: { cpuid: [], requiredMsrs: ['0x100000010'] } },
      'spec.data.requiredMsrs[0] in body should match',
    ],
    [
      '1,025 entries',
      { vendor: 'intel', data: { cpuid: entries(1025) } },
      'spec.data.cpuid: Too many: 1025: must have at most 1024 items',
    ],
    [
      '257 feature MSRs',
      {
        vendor: 'intel',
        data: { cpuid: [], featureMsrs: Array(257).fill({ index: '0x10a', mask: '0x0', value: '0x0' }) },
      },
      'spec.data.featureMsrs: Too many: 257: must have at most 256 items',
    ],
    [
      '2,049 required MSRs',
      { vendor: 'intel', data: { cpuid: [], requiredMsrs: Array(2049).fill('0x10') } },
      'spec.data.requiredMsrs: Too many: 2049: must have at most 2048 items',
    ],
    [
      'a catalogue name of 64 characters',
      { vendor: 'intel', catalog: 'x'.repeat(64) },
      'spec.catalog: Too long: may not be more than 63',
    ],
    [
      'an unknown field',
      { vendor: 'intel', catalog: 'x', nested: true },
      'strict decoding error: unknown field "spec.nested"',
    ],
    [
      'an unknown field of an entry',
      withEntry({ bits: [1] }),
      'strict decoding error: unknown field "spec.data.cpuid[0].bits"',
    ],
  ])('%s', async (_, spec, message) => {
    expect(await refusal(spec)).toContain(message);
  });

  it('a name of 42 characters, with the reason', async () => {
    expect(await refusal({ vendor: 'intel', catalog: 'x' }, 'a'.repeat(42))).toContain(
      'the name must be at most 41 characters: it goes into a label, a ConfigMap name and the brand string',
    );
  });

  it('a name with a dot', async () => {
    expect(await refusal({ vendor: 'intel', catalog: 'x' }, 'sky.lake')).toContain(
      'the name must be a DNS label, without dots',
    );
  });

  it('100,000 entries: larger than any request may be', async () => {
    expect(await refusal({ vendor: 'intel', data: { cpuid: entries(100_000) } })).toContain(
      'Request entity too large: limit is 3145728',
    );
  });

  it('15,000 entries, which fit a request: by their number', async () => {
    const { stderr } = await kubectl(
      ['apply', '--server-side', '-f', '-'],
      manifest(fresh(), { vendor: 'intel', data: { cpuid: entries(15_000) } }),
    );
    expect(stderr).toContain('spec.data.cpuid: Too many: 15000: must have at most 1024 items');
  });
});

describe('what the server cannot count', () => {
  it('a register that is listed twice is accepted here: the operator says so in a condition', async () => {
    await accepted({ vendor: 'intel', data: { cpuid: [entry, { ...entry, value: '0x1' }] } });
  });

  it('a bit both from the host and fixed likewise', async () => {
    await accepted(withEntry({ mask: '0x1', value: '0x1' }));
  });
});

describe('a CpuProfile is immutable', () => {
  const patch = (name: string, spec: Fields): Promise<CommandResult> =>
    kubectl(['patch', 'cpuprofile', name, '--type=merge', '--patch', JSON.stringify({ spec })]);
  const base = { vendor: 'intel', data, options: { nested: false }, filter: { mode: 'closed' } };

  it.each<[string, Fields, Fields, string]>([
    ['vendor', base, { vendor: 'amd' }, 'vendor'],
    ['catalog', { vendor: 'intel', catalog: 'skylake' }, { catalog: 'cascade-lake' }, 'catalog'],
    ['catalog for data', { vendor: 'intel', catalog: 'skylake' }, { catalog: null, data }, 'catalog'],
    ['data for catalog', base, { data: null, catalog: 'skylake' }, 'data'],
    ['a value', base, withEntry({ value: '0x0' }), 'data'],
    ['the same number written otherwise', base, withEntry({ leaf: '0x07' }), 'data'],
    ['an entry more', base, { data: { cpuid: [entry, { ...entry, leaf: '0x8' }] } }, 'data'],
    ['MSRs where there were none', base, { data: { requiredMsrs: ['0x10'] } }, 'data'],
    ['an option', base, { options: { nested: true } }, 'options'],
    ['an option where there was none', base, { options: { amx: false } }, 'options'],
    ['options dropped', base, { options: null }, 'options'],
    ['options where there were none', { vendor: 'intel', data }, { options: { nested: true } }, 'options'],
    ['the filter', base, { filter: { mode: 'none' } }, 'filter'],
    ['the filter dropped', base, { filter: null }, 'filter'],
    ['the filter dropped to its default', base, { filter: { mode: null } }, 'filter'],
    ['a filter where there was none', { vendor: 'intel', data }, { filter: { mode: 'none' } }, 'filter'],
  ])('%s', async (_, spec, change, field) => {
    const name = await accepted(spec);
    const { code, stderr } = await patch(name, change);
    expect(stderr).toContain(`spec.${field} is immutable: create a profile with a new name`);
    expect(code).toBe(1);
    // Nor in two steps: the first one is the one that fails, so nothing has changed.
    const stored: unknown = JSON.parse(
      (await kubectl(['get', 'cpuprofile', name, '-o', 'jsonpath={.spec}'])).stdout,
    );
    expect(stored).toEqual(spec);
  });

  it.each<[string, Fields, Fields]>([
    ['delivery set', base, { delivery: { formats: ['kvm'] } }],
    [
      'delivery changed',
      { ...base, delivery: { formats: ['kvm', 'qemu'] } },
      { delivery: { formats: ['qemu'] } },
    ],
    ['delivery dropped', { ...base, delivery: { formats: ['kvm'] } }, { delivery: null }],
    [
      'the selector replaced',
      { ...base, delivery: { namespaceSelector: { matchLabels: { a: 'b' } } } },
      {
        delivery: {
          namespaceSelector: { matchLabels: null, matchExpressions: [{ key: 'c', operator: 'Exists' }] },
        },
      },
    ],
  ])('but for delivery: %s', async (_, spec, change) => {
    const name = await accepted(spec);
    const { stdout, stderr } = await patch(name, change);
    expect({ stdout, stderr }).toEqual({
      stdout: `cpuprofile.cpuprofiles.dev/${name} patched\n`,
      stderr: '',
    });
  });

  it('and its status can be written without touching the spec', async () => {
    const name = await accepted(base);
    const status = { nodes: { compatible: 1, incompatible: 0, unknown: 0, held: 0 } };
    const { stderr } = await kubectl([
      'patch',
      'cpuprofile',
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status, spec: { vendor: 'amd' } }),
    ]);
    expect(stderr).toBe('');
    const stored: unknown = JSON.parse((await kubectl(['get', 'cpuprofile', name, '-o', 'json'])).stdout);
    expect(stored).toMatchObject({ status, spec: base });
  });
});
