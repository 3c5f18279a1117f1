/**
 * Random pools: hosts that are much alike, as those of a fleet are. One host is drawn from a seed, the others are made of it by
 * a few changes, so that what shrinks is the list of changes.
 */
import fc from 'fast-check';
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import { findCpuid, findFeatureMsr } from '../../profiles/definitions/lookup.ts';
import type { Definitions } from '../../profiles/definitions/types.ts';
import { and32, mask32, mask64, or32, U32_MAX, U64_MAX, xor32 } from '../../profiles/model/numbers.ts';
import {
  REGISTERS,
  VENDOR_STRINGS,
  VENDORS,
  type Register,
  type Vendor,
} from '../../profiles/model/registers.ts';
import { normaliseSnapshot, type CpuidEntry, type Snapshot } from '../../profiles/model/snapshot.ts';

/** Marsaglia's xorshift: the same words for the same seed. */
function words(seed: number): () => number {
  let state = seed === 0 ? 0x9e37_79b9 : seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const vendorWord = (vendor: Vendor, part: number): number =>
  [3, 2, 1, 0].reduce((word, i) => word * 256 + VENDOR_STRINGS[vendor].charCodeAt(4 * part + i), 0);

/** Bits that are 1 under every profile: KVM emulates them, so every host has them. */
function alwaysOn(definitions: Definitions, leaf: number, subleaf: number, register: Register): number {
  return (findCpuid(definitions, leaf, subleaf, register)?.fields ?? []).reduce(
    (bits, { first, last, policy }) =>
      typeof policy === 'object' && policy.static !== 0 ? or32(bits, mask32(first, last)) : bits,
    0,
  );
}

/** `host` with the bits that every KVM emulates, in entries added where they are missing. */
export function withEmulated(host: Snapshot): Snapshot {
  const definitions = definitionsFor(host.vendor);
  const cpuid = new Map(host.cpuid.map((entry) => [`${entry.leaf}.${entry.subleaf}`, entry]));
  for (const { leaf, firstSubleaf: subleaf, register } of definitions.cpuid) {
    const bits = alwaysOn(definitions, leaf, subleaf, register);
    if (bits === 0) continue;
    const key = `${leaf}.${subleaf}`;
    const entry = cpuid.get(key) ?? { leaf, subleaf, eax: 0, ebx: 0, ecx: 0, edx: 0 };
    cpuid.set(key, { ...entry, [register]: or32(entry[register], bits) });
  }
  return normaliseSnapshot({ ...host, cpuid: [...cpuid.values()] });
}

/** What no host forces on a nested hypervisor, because KVM emulates it. */
function neverOn(definitions: Definitions, index: number): bigint {
  return (findFeatureMsr(definitions, index)?.fields ?? [])
    .filter(({ relation, policy }) => relation === 'superset' && typeof policy === 'object')
    .reduce((bits, { first, last }) => bits | mask64(first, last), 0n);
}

/** Keeps every host one that KVM could report: its vendor, what is emulated, leaves that end high, no contradictory control. */
function possible(host: Snapshot, definitions: Definitions): Snapshot {
  const { vendor } = host;
  return normaliseSnapshot({
    ...host,
    cpuid: host.cpuid.map(({ leaf, subleaf, ...registers }) => {
      const word = (register: Register): number =>
        or32(registers[register], alwaysOn(definitions, leaf, subleaf, register));
      const entry = { leaf, subleaf, eax: word('eax'), ebx: word('ebx'), ecx: word('ecx'), edx: word('edx') };
      if (leaf === 0) {
        return {
          ...entry,
          eax: 0x24,
          ebx: vendorWord(vendor, 0),
          ecx: vendorWord(vendor, 2),
          edx: vendorWord(vendor, 1),
        };
      }
      return leaf === 0x8000_0000 ? { ...entry, eax: 0x8000_0026 } : entry;
    }),
    featureMsrs: host.featureMsrs?.map(({ index, value }) => {
      const word = value & ~neverOn(definitions, index) & U64_MAX;
      const halves = findFeatureMsr(definitions, index)?.undefinedBits === 'halves';
      return { index, value: halves ? word | ((word & 0xffff_ffffn) << 32n) : word };
    }),
  });
}

/** Every row of the tables with random words, half of the bits set. */
function hostFrom(vendor: Vendor, seed: number): Snapshot {
  const definitions = definitionsFor(vendor);
  const next = words(seed);
  const places = new Map<string, { leaf: number; subleaf: number }>();
  for (const { leaf, firstSubleaf, lastSubleaf } of definitions.cpuid) {
    for (const subleaf of [firstSubleaf, Math.min(firstSubleaf + 1, lastSubleaf)])
      places.set(`${leaf}.${subleaf}`, { leaf, subleaf });
  }
  const { permitted, kvm, hyperv, forbidden } = definitions;
  return possible(
    {
      vendor,
      source: 'kvm',
      partial: false,
      cpuid: [...places.values()].map((place) => ({
        ...place,
        eax: next(),
        ebx: next(),
        ecx: next(),
        edx: next(),
      })),
      featureMsrs: definitions.featureMsrs.map(({ index }) => ({
        index,
        value: BigInt(next()) * 2n ** 32n + BigInt(next()),
      })),
      msrIndices: [...permitted, ...kvm, ...hyperv, ...forbidden]
        .map(({ first }) => first)
        .filter(() => next() % 2 === 0),
      capabilities: { msrFilter: true, userSpaceMsr: true, nested: true },
    },
    definitions,
  );
}

/** One thing in which a host differs from the others: what, where (taken modulo what there is) and which bit. */
export interface Change {
  readonly what: 'cpuid-bit' | 'cpuid-word' | 'entry' | 'msr-bit' | 'msr' | 'index' | 'nested';
  readonly at: number;
  readonly bit: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant('cpuid-bit' as const) },
    { weight: 3, arbitrary: fc.constant('msr-bit' as const) },
    { weight: 2, arbitrary: fc.constantFrom('cpuid-word', 'entry', 'msr', 'index', 'nested') },
  ),
  at: fc.nat(100_000),
  bit: fc.nat(63),
});

/** Entries that no kernel leaves out, or that every profile fixes something in. */
const KEPT = [0x0, 0x1, 0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0003, 0x8000_0004];

function changed(host: Snapshot, { what, at, bit }: Change, definitions: Definitions): Snapshot {
  const register = REGISTERS[bit % 4] ?? 'eax';
  const { cpuid, featureMsrs = [], msrIndices = [], capabilities } = host;
  const entry = cpuid[at % cpuid.length];
  const patched = (word: (value: number) => number): CpuidEntry[] =>
    cpuid.map((each) => (each === entry ? { ...each, [register]: word(each[register]) } : each));
  switch (what) {
    case 'cpuid-bit':
      return { ...host, cpuid: patched((value) => xor32(value, 2 ** ((at >>> 5) % 32))) };
    case 'cpuid-word':
      return { ...host, cpuid: patched((value) => and32(Math.imul(value, 0x9e37_79b1), U32_MAX)) };
    case 'entry': {
      const fixed =
        entry === undefined ||
        KEPT.includes(entry.leaf) ||
        REGISTERS.some((each) => alwaysOn(definitions, entry.leaf, entry.subleaf, each) !== 0);
      return fixed ? host : { ...host, cpuid: cpuid.filter((each) => each !== entry) };
    }
    case 'msr-bit': {
      const index = at % featureMsrs.length;
      return {
        ...host,
        featureMsrs: featureMsrs.map((msr, i) =>
          i === index ? { ...msr, value: msr.value ^ (1n << BigInt(bit)) } : msr,
        ),
      };
    }
    case 'msr':
      return { ...host, featureMsrs: featureMsrs.filter((_, i) => i !== at % featureMsrs.length) };
    case 'index':
      return { ...host, msrIndices: msrIndices.filter((_, i) => i !== at % msrIndices.length) };
    case 'nested':
      return { ...host, capabilities: { ...capabilities, nested: false } };
  }
}

/** What a pool is made of, so that a counterexample is short. */
export interface PoolRecipe {
  readonly vendor: Vendor;
  readonly seed: number;
  /** The changes that make each further host of the first. */
  readonly others: readonly (readonly Change[])[];
}

/** Recipes of pools of two to four hosts. */
export const anyPool: fc.Arbitrary<PoolRecipe> = fc.record({
  vendor: fc.constantFrom(...VENDORS),
  seed: fc.integer({ min: 1, max: U32_MAX }),
  others: fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 }),
});

/** The hosts of a recipe, all of one vendor and possible answers of KVM. */
export function poolOf({ vendor, seed, others }: PoolRecipe): readonly [Snapshot, ...Snapshot[]] {
  const definitions = definitionsFor(vendor);
  const first = hostFrom(vendor, seed);
  const rest = others.map((changes) =>
    possible(
      changes.reduce((host, each) => changed(host, each, definitions), first),
      definitions,
    ),
  );
  return [first, ...rest];
}
