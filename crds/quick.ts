/**
 * Manifests that are plainly right, read without zod: building its types costs a short-lived program more than all
 * else it does. What is not plain (a rare field, an odd number, anything wrong) is left to `parseManifest`, which
 * answers the same for everything that is taken here, and says what is wrong with the rest.
 */
import type { Manifest } from './parse.ts';

type Fields = Readonly<Record<string, unknown>>;
type Test = (value: unknown) => boolean;

/** The same limits as the types': parse.test.ts holds the two against each other. */
const LIMITS = {
  cpuid: 1024,
  featureMsrs: 256,
  requiredMsrs: 2048,
  hostCpuid: 2048,
  hostMsrs: 4096,
} as const;

const matches =
  (pattern: RegExp): Test =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const oneOf =
  (...words: readonly string[]): Test =>
  (value) =>
    typeof value === 'string' && words.includes(value);
const list =
  (item: Test, limit: number): Test =>
  (value) =>
    Array.isArray(value) && value.length <= limit && value.every(item);
const isBoolean: Test = (value) => typeof value === 'boolean';

/** A map with all of `required`, perhaps some of `optional`, and nothing else. */
function map(required: Readonly<Record<string, Test>>, optional: Readonly<Record<string, Test>> = {}): Test {
  const wanted = Object.keys(required).length;
  return (value) => {
    if (!isMap(value)) return false;
    let found = 0;
    for (const key of Object.keys(value)) {
      const test = Object.hasOwn(required, key) ? required[key] : undefined;
      if (test !== undefined) found += 1;
      const other = test ?? (Object.hasOwn(optional, key) ? optional[key] : undefined);
      if (other === undefined || !other(value[key])) return false;
    }
    return found === wanted;
  };
}

const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hex32 = matches(/^0x[0-9a-fA-F]{1,8}$/);
const hex64 = matches(/^0x[0-9a-fA-F]{1,16}$/);
const vendor = oneOf('intel', 'amd');
const place = { leaf: hex32, subleaf: hex32 };

const snapshotSpec = map(
  {
    vendor,
    source: oneOf('kvm', 'guest', 'raw'),
    partial: isBoolean,
    cpuid: list(map({ ...place, eax: hex32, ebx: hex32, ecx: hex32, edx: hex32 }), LIMITS.hostCpuid),
    capabilities: map({ msrFilter: isBoolean, userSpaceMsr: isBoolean, nested: isBoolean }),
  },
  {
    featureMsrs: list(map({ index: hex32, value: hex64 }), LIMITS.hostMsrs),
    msrIndices: list(hex32, LIMITS.hostMsrs),
  },
);

const register = oneOf('eax', 'ebx', 'ecx', 'edx');
const adjustment = map({ ...place, register, mask: hex32, value: hex32 }, { lastSubleaf: hex32 });
const profileSpec = map(
  {
    vendor,
    data: map(
      { cpuid: list(adjustment, LIMITS.cpuid) },
      {
        featureMsrs: list(map({ index: hex32, mask: hex64, value: hex64 }), LIMITS.featureMsrs),
        requiredMsrs: list(hex32, LIMITS.requiredMsrs),
      },
    ),
  },
  {
    options: map({}, { nested: isBoolean, amx: isBoolean, hyperv: isBoolean }),
    filter: map({}, { mode: oneOf('closed', 'deny-known', 'none') }),
  },
);

const head = {
  apiVersion: oneOf('cpuprofiles.dev/v1alpha1'),
  // A DNS label of a length that every kind takes.
  metadata: (value: unknown): boolean => isMap(value) && name(value['name']),
};
const name = matches(/^[a-z0-9]([-a-z0-9]{0,39}[a-z0-9])?$/);
const KINDS: Readonly<Record<string, Test | undefined>> = {
  CpuProfile: map({ ...head, kind: oneOf('CpuProfile'), spec: profileSpec }),
  CpuSnapshot: map({ ...head, kind: oneOf('CpuSnapshot'), spec: snapshotSpec }),
};

/** What `parseManifest` answers for a CpuSnapshot or a CpuProfile with inline data; `undefined`: ask it. */
export function quickManifest(document: unknown): Manifest | undefined {
  if (!isMap(document) || typeof document['kind'] !== 'string' || !Object.hasOwn(KINDS, document['kind'])) {
    return undefined;
  }
  if (KINDS[document['kind']]?.(document) !== true) return undefined;
  const { apiVersion, kind, metadata, spec } = document as unknown as Manifest & { spec: unknown };
  return { apiVersion, kind, metadata: { name: metadata.name }, spec } as Manifest;
}
