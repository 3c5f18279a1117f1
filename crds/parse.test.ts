import { describe, expect, it } from 'vitest';
import { InputError } from '../profiles/model/input-error.ts';
import { parseManifest, parseObject } from './parse.ts';

const entry = { leaf: '0x7', subleaf: '0x0', register: 'ebx', mask: '0x0', value: '0xf1bf07ab' };
const profile = (spec: unknown, name = 'skylake-v1') => ({
  apiVersion: 'cpuprofiles.dev/v1alpha1',
  kind: 'CpuProfile',
  metadata: { name },
  spec,
});
const withEntry = (change: object) =>
  profile({ vendor: 'intel', data: { cpuid: [entry, { ...entry, ...change }] } });
const json = (text: string): unknown => JSON.parse(text);

const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'accepted';
};

describe('a manifest', () => {
  it('is read with its name, and keeps nothing else of the metadata', () => {
    const manifest = parseManifest({
      ...profile({ vendor: 'amd', catalog: 'milan' }),
      metadata: { name: 'milan-v1', labels: { team: 'a' }, managedFields: [] },
    });
    expect(manifest).toEqual({
      apiVersion: 'cpuprofiles.dev/v1alpha1',
      kind: 'CpuProfile',
      metadata: { name: 'milan-v1' },
      spec: { vendor: 'amd', catalog: 'milan' },
    });
  });

  it.each([
    ['nothing', null, 'must be a map, not null'],
    ['a list', [], 'must be a map, not a list'],
    ['a word', 'CpuProfile', 'must be a map, not "CpuProfile"'],
    [
      'another group',
      { ...profile({}), apiVersion: 'v1' },
      'apiVersion: must be cpuprofiles.dev/v1alpha1, not "v1"',
    ],
    [
      'another kind',
      { ...profile({}), kind: 'Pod' },
      'kind: must be one of CpuProfile, CpuSnapshot, NodeCpu, CpuBaseline, not "Pod"',
    ],
    [
      'a kind from the prototype',
      { ...profile({}), kind: '__proto__' },
      expect.stringMatching(/^kind: must be one of/),
    ],
    ['no metadata', { ...profile({}), metadata: undefined }, 'metadata: is missing'],
    [
      'a name that is no DNS name',
      profile({ vendor: 'intel', catalog: 'x' }, 'Sky_Lake'),
      'metadata.name: must be a DNS name: lower-case letters, digits, hyphens and dots, not "Sky_Lake"',
    ],
    [
      'a name of 42 characters',
      profile({ vendor: 'intel', catalog: 'x' }, 'a'.repeat(42)),
      `metadata.name: is longer than 41 characters: ${'a'.repeat(42)}`,
    ],
    [
      'a name with a dot',
      profile({ vendor: 'intel', catalog: 'x' }, 'a.b'),
      'metadata.name: must be a DNS label, without dots: a.b',
    ],
    ['no spec', profile(undefined), 'spec: is missing'],
    ['no vendor', profile({ catalog: 'x' }), 'spec.vendor: is missing'],
    ['another vendor', profile({ vendor: 'via' }), 'spec.vendor: must be one of intel, amd, not "via"'],
    ['neither catalog nor data', profile({ vendor: 'intel' }), 'spec: set exactly one of catalog and data'],
    [
      'both catalog and data',
      profile({ vendor: 'intel', catalog: 'x', data: { cpuid: [] } }),
      'spec: set exactly one of catalog and data',
    ],
    ['an empty catalog', profile({ vendor: 'intel', catalog: '' }), 'spec.catalog: must not be empty'],
    [
      'an unknown field',
      profile({ vendor: 'intel', catalog: 'x', nested: true }),
      'spec.nested: unknown field',
    ],
    [
      'several unknown fields',
      profile({ vendor: 'intel', catalog: 'x', a: 1, b: 2, c: 3 }),
      'spec.a: unknown field (and 2 more here)',
    ],
    ['an unknown field deep inside', withEntry({ bits: [] }), 'spec.data.cpuid[1].bits: unknown field'],
    [
      'an unknown field at the top',
      { ...profile({ vendor: 'intel', catalog: 'x' }), extra: 1 },
      'extra: unknown field',
    ],
    [
      'a bit above 31',
      withEntry({ mask: '0x1ffffffff' }),
      'spec.data.cpuid[1].mask: must be a 32-bit number in hexadecimal, such as 0x1f, not "0x1ffffffff"',
    ],
    [
      'a bit above 63',
      profile({
        vendor: 'intel',
        data: { cpuid: [], featureMsrs: [{ index: '0x10a', mask: '0x0', value: '0x10000000000000000' }] },
      }),
      'spec.data.featureMsrs[0].value: must be a 64-bit number in hexadecimal, such as 0x1f, not "0x10000000000000000"',
    ],
    ['a number for a string', withEntry({ leaf: 7 }), 'spec.data.cpuid[1].leaf: must be a string, not 7'],
    [
      '1,025 entries',
      profile({ vendor: 'intel', data: { cpuid: Array<unknown>(1025).fill(entry) } }),
      'spec.data.cpuid: has more than 1,024 entries',
    ],
    [
      'a label that is no string',
      profile({
        vendor: 'intel',
        catalog: 'x',
        delivery: { namespaceSelector: { matchLabels: { 'a/b': 3 } } },
      }),
      'spec.delivery.namespaceSelector.matchLabels["a/b"]: must be a string, not 3',
    ],
    [
      'several mistakes: the first, and how many more',
      profile({ vendor: 'via', catalog: 3, data: 4 }),
      'spec.vendor: must be one of intel, amd, not "via" (and 2 more)',
    ],
  ])('refuses %s', (_, document, message) => {
    expect(refusal(() => parseManifest(document))).toEqual(message);
  });

  it('says it on one short line, whatever the input holds', () => {
    const name = `x\n\u001b[2J\u2028${'y'.repeat(10_000)}`;
    for (const document of [
      profile({ vendor: name }),
      profile({ vendor: 'intel', [name]: 1 }),
      { ...profile({}), metadata: { name } },
    ]) {
      const message = refusal(() => parseManifest(document));
      expect(message).not.toMatch(/[\p{Cc}\u2028]/u);
      expect(message.length).toBeLessThan(300);
    }
  });

  it('accepts upper case and padding', () => {
    const manifest = withEntry({ leaf: '0X000000008000001F', value: '0xFFFFFFFF' });
    expect(parseManifest(manifest)).toMatchObject({
      spec: { data: { cpuid: [entry, { value: '0xFFFFFFFF' }] } },
    });
  });
});

describe('hostile keys', () => {
  it.each([
    ['at the top', '"__proto__": {"polluted": 1}, "spec": {"vendor": "intel", "catalog": "x"}'],
    ['in the spec', '"spec": {"vendor": "intel", "catalog": "x", "__proto__": {"polluted": 1}}'],
    [
      'as a label',
      '"spec": {"vendor": "intel", "catalog": "x", "delivery": {"namespaceSelector": {"matchLabels": {"__proto__": "polluted", "constructor": "x"}}}}',
    ],
  ])('change no prototype: %s', (_, rest) => {
    const document = json(
      `{"apiVersion": "cpuprofiles.dev/v1alpha1", "kind": "CpuProfile", "metadata": {"name": "a"}, ${rest}}`,
    );
    const message = refusal(() => {
      expect(Object.getPrototypeOf(parseManifest(document))).toBe(Object.prototype);
    });
    expect(['accepted', 'spec.__proto__: unknown field']).toContain(message);
    expect({}).not.toHaveProperty('polluted');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('are dropped from an object of the API server', () => {
    const object = json(
      '{"metadata": {"name": "a"}, "spec": {"vendor": "intel", "catalog": "x", "__proto__": {"data": 1}}}',
    );
    const { spec } = parseObject('CpuProfile', object as { metadata: { name: string } });
    expect(spec).toEqual({ vendor: 'intel', catalog: 'x' });
    expect(Object.getPrototypeOf(spec)).toBe(Object.prototype);
  });
});

describe('an object of the API server', () => {
  it('may have fields of a later version: they are dropped at every depth', () => {
    const object = {
      apiVersion: 'cpuprofiles.dev/v1alpha1',
      kind: 'CpuProfile',
      metadata: { name: 'a', uid: 'u', generation: 3, later: 1 },
      later: 1,
      spec: {
        vendor: 'intel',
        later: 1,
        data: { later: 1, cpuid: [{ ...entry, later: 1 }] },
        filter: { later: 1 },
      },
      status: { later: 1, conditions: [] },
    };
    expect(parseObject('CpuProfile', object)).toEqual({
      metadata: { name: 'a', uid: 'u', generation: 3, later: 1 },
      spec: { vendor: 'intel', data: { cpuid: [entry] }, filter: {} },
      status: { conditions: [] },
    });
  });

  it.each([
    ['a missing field', { spec: {} }, 'spec.vendor: is missing'],
    [
      'a bad value',
      { spec: { vendor: 'intel', data: { cpuid: [{ ...entry, mask: '7' }] } } },
      /^spec\.data\.cpuid\[0\]\.mask: must be/,
    ],
    [
      'too many entries',
      { spec: { vendor: 'intel', data: { cpuid: Array<unknown>(1025).fill(entry) } } },
      /1,024 entries$/,
    ],
  ])('is still checked: %s', (_, content, message) => {
    expect(refusal(() => parseObject('CpuProfile', { metadata: { name: 'a' }, ...content }))).toMatch(
      message,
    );
  });

  it('of each kind is read', () => {
    const at = '2026-01-02T03:04:05Z';
    const node = {
      metadata: { name: 'n1' },
      spec: { release: ['skylake'] },
      status: { snapshot: 'intel-0123456789abcdef', observedAt: at, verdicts: [{ profile: 'a', later: 1 }] },
    };
    expect(refusal(() => parseObject('NodeCpu', node))).toMatch(
      /^status\.verdicts\[0\]\.digest: is missing \(and \d more\)$/,
    );
    const probed = { ...node, status: { observedAt: at } };
    expect(parseObject('NodeCpu', probed).status).toEqual({
      observedAt: at,
    });
    const snapshot = {
      vendor: 'amd',
      source: 'kvm',
      partial: false,
      cpuid: [{ leaf: '0x0', subleaf: '0x0', eax: '0x10', ebx: '0x0', ecx: '0x0', edx: '0x0' }],
      capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
    };
    expect(
      parseObject('CpuSnapshot', { metadata: {}, spec: { ...snapshot, later: 1 } } as { metadata: object })
        .spec,
    ).toEqual(snapshot);
    const baseline = { nodeSelector: { pool: 'a' }, profileName: 'pool-a-v1' };
    expect(parseObject('CpuBaseline', { metadata: {}, spec: baseline } as { metadata: object }).spec).toEqual(
      baseline,
    );
  });
});
