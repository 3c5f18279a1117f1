import { describe, expect, test } from 'vitest';
import { scanSnapshot } from './scan-snapshot.ts';

const SPEC = {
  vendor: 'amd',
  source: 'kvm',
  partial: false,
  cpuid: [
    { leaf: '0x7', subleaf: '0x0', eax: '0x1', ebx: '0xffffffff', ecx: '0x0', edx: '0xdeadbeef' },
    { leaf: '0x7', subleaf: '0x1', eax: '0x0', ebx: '0x0', ecx: '0x0', edx: '0x0' },
    { leaf: '0x80000000', subleaf: '0x0', eax: '0x80000021', ebx: '0x0', ecx: '0x0', edx: '0x0' },
  ],
  featureMsrs: [
    { index: '0x8b', value: '0xfedcba9876543210' },
    { index: '0xc0011029', value: '0x2' },
  ],
  msrIndices: ['0x10', '0xc0000080'],
  capabilities: { msrFilter: true, userSpaceMsr: false, nested: true },
};
const DOCUMENT = {
  apiVersion: 'v1',
  kind: 'CpuSnapshot',
  metadata: { name: 'amd-1', annotations: { odd: 'a "quoted" }]\\', list: [1, [2]] } },
  spec: SPEC,
};
const text = JSON.stringify(DOCUMENT);

function scan(json: string): { head: unknown; read: unknown[] } {
  const read: unknown[] = [];
  const head = scanSnapshot(json, 'v1', {
    entry: (...words) => read.push(words),
    featureMsr: (...words) => read.push(words),
    msrIndex: (index) => read.push(index),
  });
  return { head, read };
}

const HEAD = {
  name: 'amd-1',
  vendor: 'amd',
  source: 'kvm',
  partial: false,
  featureMsrs: true,
  msrIndices: true,
  capabilities: { msrFilter: true, userSpaceMsr: false, nested: true },
};
const NUMBERS = [
  [7, 0, 1, 0xffff_ffff, 0, 0xdead_beef],
  [7, 1, 0, 0, 0, 0],
  [0x8000_0000, 0, 0x8000_0021, 0, 0, 0],
  [0x8b, 0x7654_3210, 0xfedc_ba98],
  [0xc001_1029, 2, 0],
  0x10,
  0xc000_0080,
];

test.each([
  ['compact', text],
  ['pretty', JSON.stringify(DOCUMENT, null, 2)],
  ['with other white space', `\r\n\t ${JSON.stringify(DOCUMENT, null, '\t')} \n`],
])('reads what is written %s', (_how, json) => {
  expect(scan(json)).toEqual({ head: HEAD, read: NUMBERS });
});

test('keys come in any order, lists may be empty or absent', () => {
  const spec = { ...SPEC, cpuid: [], featureMsrs: undefined, msrIndices: [] };
  const reversed = Object.fromEntries(Object.entries({ ...DOCUMENT, spec }).reverse());
  expect(scan(JSON.stringify(reversed))).toEqual({ head: { ...HEAD, featureMsrs: false }, read: [] });
  const entry = '{"edx":"0x1","ecx":"0x2","ebx":"0x3","eax":"0x4","subleaf":"0x5","leaf":"0x6"}';
  const json = text.replace(/"cpuid":\[.*?\]/, `"cpuid":[${entry}]`);
  expect(scan(json).read[0]).toEqual([6, 5, 4, 3, 2, 1]);
});

test.each(['raw', 'guest'])('a snapshot of source %s', (source) => {
  expect(scan(text.replace('"kvm"', `"${source}"`)).head).toEqual({ ...HEAD, source });
});

test('what goes wrong in the sink is not taken for an odd text', () => {
  const sink = (): never => {
    throw new RangeError('full');
  };
  expect(() => scanSnapshot(text, 'v1', { entry: sink, featureMsr: sink, msrIndex: sink })).toThrow('full');
});

const replaced = (from: string | RegExp, to: string): string => {
  const json = text.replace(from, to);
  if (json === text) throw new Error(`nothing to replace: ${String(from)}`);
  return json;
};

describe('gives up on', () => {
  test.each([
    ['nothing', ''],
    ['no map', '[]'],
    ['an empty map', '{}'],
    ['an end too soon', text.slice(0, -1)],
    ['an end in a string', text.slice(0, -4)],
    ['something behind', `${text}x`],
    ['a second document', `${text}${text}`],
    ['another API version', replaced('"v1"', '"v2"')],
    ['another kind', replaced('"CpuSnapshot"', '"CpuProfile"')],
    ['no kind', replaced('"kind":"CpuSnapshot",', '')],
    ['no API version', replaced('"apiVersion":"v1",', '')],
    ['no metadata', replaced(/"metadata":.*?\},"spec"/, '"spec"')],
    ['metadata that is no map', replaced(/"metadata":.*?\},"spec"/, '"metadata":["amd-1"],"spec"')],
    ['metadata that is a word', replaced(/"metadata":.*?\},"spec"/, '"metadata":"amd-1","spec"')],
    ['metadata that is a number', replaced(/"metadata":.*?\},"spec"/, '"metadata":1,"spec"')],
    ['metadata that is null', replaced(/"metadata":.*?\},"spec"/, '"metadata":null,"spec"')],
    ['metadata that is no JSON', replaced('"list":[1,', '"list":[1,,')],
    ['metadata without an end', replaced(/\]\]\}\},"spec".*/, ']')],
    ['no name', replaced('"name"', '"nome"')],
    ['a name of capitals', replaced('"amd-1"', '"AMD-1"')],
    ['a name with a dot', replaced('"amd-1"', '"amd.1"')],
    ['a long name', replaced('"amd-1"', `"${'a'.repeat(42)}"`)],
    ['a name that is a number', replaced('"amd-1"', '1')],
    ['an unknown field at the top', replaced('"kind"', '"status":{},"kind"')],
    ['an unknown field in spec', replaced('"partial":false', '"partial":false,"more":true')],
    ['an unknown field in an entry', replaced('"eax":"0x1"', '"eax":"0x1","eex":"0x1"')],
    ['an unknown register', replaced('"edx":"0xdeadbeef"', '"eex":"0xdeadbeef"')],
    ['a register that is too long', replaced('"edx":"0xdeadbeef"', '"edxx":"0xdeadbeef"')],
    ['a register of another kind', replaced('"edx":"0xdeadbeef"', '"rdx":"0xdeadbeef"')],
    ['a register with another end', replaced('"edx":"0xdeadbeef"', '"edi":"0xdeadbeef"')],
    ['an unknown capability', replaced('"nested":true', '"nasted":true')],
    ['a missing capability', replaced(',"nested":true', '')],
    ['no msrFilter', replaced('"msrFilter":true,', '')],
    ['no userSpaceMsr', replaced('"userSpaceMsr":false,', '')],
    ['no capabilities', replaced(/,"capabilities":\{.*?\}/, '')],
    ['no source', replaced('"source":"kvm",', '')],
    ['no partial', replaced('"partial":false,', '')],
    ['no spec', replaced(/,"spec":.*/, '}')],
    ['a register beyond d in place of a leaf', replaced('"leaf":"0x7"', '"eex":"0x7"')],
    ['a register below a', replaced('"edx":"0xdeadbeef"', '"e1x":"0xdeadbeef"')],
    ['a leaf by another name', replaced('"leaf":"0x7"', '"laef":"0x7"')],
    ['a subleaf by another name', replaced('"subleaf":"0x0"', '"subflea":"0x0"')],
    ['an index by another name', replaced('"index":"0x8b"', '"indax":"0x8b"')],
    ['a value by another name', replaced('"value":"0x2"', '"valve":"0x2"')],
    ['two indices', replaced('"index":"0x8b"', '"index":"0x8a","index":"0x8b"')],
    ['a boolean of another word', replaced('"partial":false', '"partial":fails')],
    [
      'leaves that fall while subleaves rise',
      replaced('"leaf":"0x80000000","subleaf":"0x0"', '"leaf":"0x6","subleaf":"0x9"'),
    ],
    ['a repeated capability', replaced('"nested":true', '"nested":true,"nested":true')],
    ['a repeated field', replaced('"partial":false', '"partial":false,"partial":false')],
    ['a repeated register', replaced('"eax":"0x1"', '"eax":"0x1","eax":"0x1"')],
    ['a register repeated in place of another', replaced('"ebx":"0xffffffff"', '"eax":"0xffffffff"')],
    ['a missing register', replaced('"eax":"0x1",', '')],
    ['a missing subleaf', replaced('"subleaf":"0x0",', '')],
    ['no vendor', replaced('"vendor":"amd",', '')],
    ['an unknown vendor', replaced('"vendor":"amd"', '"vendor":"via"')],
    ['an unknown source', replaced('"source":"kvm"', '"source":"xen"')],
    ['no cpuid', replaced(/"cpuid":\[.*?\],/, '')],
    ['a boolean in quotes', replaced('"partial":false', '"partial":"false"')],
    ['a boolean that goes on', replaced('"partial":false', '"partial":falsey')],
    ['null for a list', replaced(/"msrIndices":\[.*?\]/, '"msrIndices":null')],
    ['entries that fall', replaced('"subleaf":"0x1"', '"subleaf":"0x0"')],
    ['leaves that fall', replaced('"leaf":"0x80000000"', '"leaf":"0x6"')],
    ['feature MSRs that fall', replaced('"0xc0011029"', '"0x8a"')],
    ['a repeated feature MSR', replaced('"0xc0011029"', '"0x8b"')],
    ['a feature MSR without a value', replaced(',"value":"0x2"', '')],
    ['a feature MSR without an index', replaced('"index":"0xc0011029",', '')],
    ['a feature MSR with two values', replaced('"value":"0x2"', '"value":"0x2","value":"0x2"')],
    ['a feature MSR with a mask', replaced('"value":"0x2"', '"masks":"0x2"')],
    ['indices that fall', replaced('"0x10"', '"0xffffffff"')],
    ['a repeated index', replaced('"0xc0000080"', '"0x10"')],
    ['upper case', replaced('0xdeadbeef', '0xDEADBEEF')],
    ['an upper-case prefix', replaced('0xdeadbeef', '0Xdeadbeef')],
    ['no prefix', replaced('0xdeadbeef', 'deadbeef')],
    ['no digits', replaced('0xdeadbeef', '0x')],
    ['a letter beyond f', replaced('0xdeadbeef', '0xdeadbeeg')],
    ['nine digits', replaced('0xdeadbeef', '0x1deadbeef')],
    ['seventeen digits', replaced('0xfedcba9876543210', '0x1fedcba9876543210')],
    ['a number without quotes', replaced('"0xdeadbeef"', '3')],
    ['an escape in a key', replaced('"partial"', '"parti\\u0061l"')],
    ['no colon', replaced('"partial":', '"partial"')],
    ['a comma too many', replaced('"partial":false,', '"partial":false,,')],
    ['a comma at the end', replaced('"0xc0000080"]', '"0xc0000080",]')],
    ['no comma', replaced('"partial":false,', '"partial":false')],
  ])('%s', (_what, json) => {
    expect(scan(json).head).toBeUndefined();
  });

  test('more entries than an object may have', () => {
    const list = (count: number): string =>
      replaced(
        /"msrIndices":\[.*?\]/,
        `"msrIndices":[${Array.from({ length: count }, (_, i) => `"0x${i.toString(16)}"`).join()}]`,
      );
    expect(scan(list(4096)).head).toEqual(HEAD);
    expect(scan(list(4097)).head).toBeUndefined();
    const entries = (count: number): string =>
      replaced(
        /"cpuid":\[.*?\]/,
        `"cpuid":[${Array.from({ length: count }, (_, i) => JSON.stringify({ ...SPEC.cpuid[1], leaf: `0x${i.toString(16)}` })).join()}]`,
      );
    expect(scan(entries(2048)).head).toEqual(HEAD);
    expect(scan(entries(2049)).head).toBeUndefined();
    const msrs = (count: number): string =>
      replaced(
        /"featureMsrs":\[.*?\]/,
        `"featureMsrs":[${Array.from({ length: count }, (_, i) => `{"index":"0x${i.toString(16)}","value":"0x0"}`).join()}]`,
      );
    expect(scan(msrs(4096)).head).toEqual(HEAD);
    expect(scan(msrs(4097)).head).toBeUndefined();
  });
});
