/**
 * Hosts for laws with ten thousand cases: a known host (recorded, made of a shipped profile, or filled at random) with a few
 * changes. Cheap to make, and a failing case shrinks to the changes that matter.
 */
import fc from 'fast-check';
import { catalogEntry, catalogNames } from '../../profiles/catalog/catalog.ts';
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import { mask32, mask64, or32, U64_MAX, xor32 } from '../../profiles/model/numbers.ts';
import { profileDataFromWire } from '../../profiles/model/profile.ts';
import {
  REGISTERS,
  registerKey,
  VENDORS,
  VENDOR_STRINGS,
  type Register,
  type Vendor,
} from '../../profiles/model/registers.ts';
import { normaliseSnapshot, type CpuidEntry, type Snapshot } from '../../profiles/model/snapshot.ts';
import { recordedHosts } from '../hosts/recorded-hosts.ts';

/** A generator of 32-bit words that gives the same ones every time: xorshift (Marsaglia, 2003). */
export function words(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

type Bits32 = ReadonlyMap<number, readonly { first: number; last: number; bits: number }[]>;

/** Bits that KVM sets on every host, because it emulates them. */
const alwaysOn: Readonly<Record<Vendor, Bits32>> = { intel: emulated('intel'), amd: emulated('amd') };

function emulated(vendor: Vendor): Bits32 {
  return Map.groupBy(
    definitionsFor(vendor).cpuid.map((row) => ({
      key: registerKey(row.leaf, row.register),
      first: row.firstSubleaf,
      last: row.lastSubleaf,
      bits: row.fields
        .filter(({ policy }) => typeof policy === 'object' && policy.static !== 0)
        .reduce((bits, { first, last }) => or32(bits, mask32(first, last)), 0),
    })),
    ({ key }) => key,
  );
}

const withEmulated = (
  vendor: Vendor,
  leaf: number,
  subleaf: number,
  register: Register,
  word: number,
): number =>
  (alwaysOn[vendor].get(registerKey(leaf, register)) ?? []).reduce(
    (bits, row) => (row.first <= subleaf && subleaf <= row.last ? or32(bits, row.bits) : bits),
    word,
  );

/** Controls that no host forces on guests: KVM emulates them, so their must-be-1 bit is always clear. */
const neverOn = new Map(
  VENDORS.flatMap((vendor) => definitionsFor(vendor).featureMsrs).map(({ index, fields }) => [
    index,
    fields
      .filter(({ relation, policy }) => relation === 'superset' && typeof policy === 'object')
      .reduce((bits, { first, last }) => bits | mask64(first, last), 0n),
  ]),
);

const emulatedEntry = (vendor: Vendor, entry: CpuidEntry): CpuidEntry => {
  const { leaf, subleaf } = entry;
  const word = (register: Register): number => withEmulated(vendor, leaf, subleaf, register, entry[register]);
  return { leaf, subleaf, eax: word('eax'), ebx: word('ebx'), ecx: word('ecx'), edx: word('edx') };
};

function complete(vendor: Vendor, parts: Pick<Snapshot, 'cpuid' | 'featureMsrs' | 'msrIndices'>): Snapshot {
  const name = Buffer.from(VENDOR_STRINGS[vendor]);
  const named = { ebx: name.readUInt32LE(0), edx: name.readUInt32LE(4), ecx: name.readUInt32LE(8) };
  return normaliseSnapshot({
    vendor,
    source: 'kvm',
    partial: false,
    cpuid: parts.cpuid.map((entry) =>
      entry.leaf === 0
        ? { ...entry, eax: 0x24, ...named }
        : { ...emulatedEntry(vendor, entry), ...(entry.leaf === 0x8000_0000 && { eax: 0x8000_0026 }) },
    ),
    featureMsrs: parts.featureMsrs?.map(({ index, value }) => ({
      index,
      value: value & ~(neverOn.get(index) ?? 0n),
    })),
    msrIndices: parts.msrIndices,
    capabilities: { msrFilter: true, userSpaceMsr: true, nested: true },
  });
}

/** A host with every place of the tables, each word from `next`. */
function filled(vendor: Vendor, next: () => number): Snapshot {
  const definitions = definitionsFor(vendor);
  const places = new Map(
    definitions.cpuid.flatMap(({ leaf, firstSubleaf, lastSubleaf }) =>
      [firstSubleaf, Math.min(firstSubleaf + 1, lastSubleaf)].map((subleaf) => [
        `${leaf}.${subleaf}`,
        { leaf, subleaf },
      ]),
    ),
  );
  const listed = [...definitions.permitted, ...definitions.kvm, ...definitions.hyperv];
  return complete(vendor, {
    cpuid: [...places.values()].map((place) => ({
      ...place,
      eax: next(),
      ebx: next(),
      ecx: next(),
      edx: next(),
    })),
    featureMsrs: definitions.featureMsrs.map(({ index }) => ({
      index,
      value: (BigInt(next()) << 32n) | BigInt(next()),
    })),
    msrIndices: listed.map(({ first }) => first).filter(() => next() % 4 !== 0),
  });
}

/** A host that offers what a shipped profile fixes and nothing else. */
function likeShipped(name: string): Snapshot {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(`no shipped profile ${name}`);
  const { data } = profileDataFromWire(entry.data);
  const cpuid = new Map<string, Record<Register | 'leaf' | 'subleaf', number>>();
  for (const { leaf, subleaf, lastSubleaf, register, value } of data.cpuid) {
    // Wide ranges are the empty rest of a leaf.
    for (let each = subleaf; each <= Math.min(lastSubleaf, subleaf + 2); each += 1) {
      const key = `${leaf}.${each}`;
      const known = cpuid.get(key) ?? { leaf, subleaf: each, eax: 0, ebx: 0, ecx: 0, edx: 0 };
      known[register] = value;
      cpuid.set(key, known);
    }
  }
  return complete(entry.vendor, {
    cpuid: [...cpuid.values()],
    featureMsrs: data.featureMsrs.map(({ index, value }) => ({ index, value })),
    msrIndices: data.requiredMsrs,
  });
}

/** The hosts that changes are made to: KVM's complete answers all of them. */
export const BASE_HOSTS: readonly Snapshot[] = [
  ...recordedHosts()
    .map(({ snapshot }) => snapshot)
    .filter(({ source, partial }) => source === 'kvm' && !partial),
  ...catalogNames().slice(0, 12).map(likeShipped),
  ...VENDORS.flatMap((vendor) => [
    filled(vendor, () => 0),
    filled(vendor, () => 0xffff_ffff),
    ...[3, 5, 7, 11].map((seed) => filled(vendor, words(seed * 0x9e37_79b9))),
  ]),
];

/** Leaf 0 of a block, the brand string and leaves with something that KVM emulates are in every answer of KVM. */
const alwaysThere = (vendor: Vendor, { leaf, subleaf }: CpuidEntry): boolean =>
  leaf === 0 ||
  (leaf >= 0x8000_0000 && leaf <= 0x8000_0004) ||
  REGISTERS.some((register) => withEmulated(vendor, leaf, subleaf, register, 0) !== 0);

/** What happens to a host: `pick` says where, `bits` which. */
export interface Change {
  readonly kind: 'flip' | 'drop entry' | 'flip msr' | 'drop msr' | 'drop index' | 'capability';
  readonly pick: number;
  readonly bits: number;
}

/** Changes that leave a host one that KVM could report: what it emulates everywhere stays. */
export const changes = (
  kinds: readonly Change['kind'][] = [
    'flip',
    'flip',
    'flip',
    'drop entry',
    'flip msr',
    'drop msr',
    'drop index',
  ],
  maxLength = 8,
): fc.Arbitrary<readonly Change[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      pick: fc.nat(0xffff),
      // One bit, or many.
      bits: fc.oneof(
        fc.nat(31).map((bit) => 2 ** bit),
        fc.nat(0xffff_ffff),
      ),
    }),
    { maxLength },
  );

export const changed = (host: Snapshot, list: readonly Change[]): Snapshot => list.reduce(change, host);

function change(host: Snapshot, { kind, pick, bits }: Change): Snapshot {
  const { cpuid, featureMsrs = [], msrIndices = [], capabilities } = host;
  switch (kind) {
    case 'flip': {
      const register = REGISTERS[pick % 4] ?? 'eax';
      const at = (pick >>> 2) % Math.max(cpuid.length, 1);
      return {
        ...host,
        cpuid: cpuid.map((entry, i) => {
          const largestLeaf = entry.leaf === 0x8000_0000 && register === 'eax';
          if (i !== at || entry.leaf === 0 || largestLeaf) return entry;
          const word = xor32(entry[register], bits);
          return {
            ...entry,
            [register]: withEmulated(host.vendor, entry.leaf, entry.subleaf, register, word),
          };
        }),
      };
    }
    case 'drop entry': {
      const at = pick % Math.max(cpuid.length, 1);
      return {
        ...host,
        cpuid: cpuid.filter((entry, i) => i !== at || alwaysThere(host.vendor, entry)),
      };
    }
    case 'flip msr': {
      const at = (pick >>> 1) % Math.max(featureMsrs.length, 1);
      const flipped = BigInt(bits) << (pick % 2 === 0 ? 0n : 32n);
      return {
        ...host,
        featureMsrs: featureMsrs.map((msr, i) =>
          i === at
            ? { ...msr, value: (msr.value ^ flipped) & U64_MAX & ~(neverOn.get(msr.index) ?? 0n) }
            : msr,
        ),
      };
    }
    case 'drop msr': {
      const at = pick % Math.max(featureMsrs.length, 1);
      return { ...host, featureMsrs: featureMsrs.filter((_, i) => i !== at) };
    }
    case 'drop index': {
      const at = pick % Math.max(msrIndices.length, 1);
      return { ...host, msrIndices: msrIndices.filter((_, i) => i !== at) };
    }
    case 'capability': {
      const name = (['msrFilter', 'userSpaceMsr', 'nested'] as const)[pick % 3] ?? 'nested';
      return { ...host, capabilities: { ...capabilities, [name]: !capabilities[name] } };
    }
  }
}

/** A host that KVM has told everything about. */
export const quickHost: fc.Arbitrary<Snapshot> = fc
  .tuple(fc.constantFrom(...BASE_HOSTS), changes())
  .map(([base, list]) => changed(base, list));

/** A host, and what may have become of it: the pair differs in a few places, so that a Yes is as likely as a No. */
export const quickPair: fc.Arbitrary<readonly [Snapshot, Snapshot]> = fc
  .tuple(quickHost, changes(undefined, 3))
  .map(([host, list]) => [host, changed(host, list)]);
