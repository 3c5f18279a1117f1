/** Random hosts of which KVM has told everything: every register of the tables with random bits, every feature MSR. */
import fc from 'fast-check';
import { definitionsFor } from '../../profiles/definitions/definitions.ts';
import type { CpuidDefinition, Definitions, MsrDefinition } from '../../profiles/definitions/types.ts';
import { mask32, mask64, or32, U32_MAX, U64_MAX } from '../../profiles/model/numbers.ts';
import {
  REGISTERS,
  VENDORS,
  VENDOR_STRINGS,
  type Register,
  type Vendor,
} from '../../profiles/model/registers.ts';
import { normaliseSnapshot, type Snapshot } from '../../profiles/model/snapshot.ts';

const word32 = fc.oneof(fc.constantFrom(0, U32_MAX), fc.integer({ min: 0, max: U32_MAX }));
const word64 = fc.oneof(fc.constantFrom(0n, U64_MAX), fc.bigInt({ min: 0n, max: U64_MAX }));

/** The first two subleaves of every row: enough for ranges, gaps and single ones. */
const places = (rows: readonly CpuidDefinition[]): { leaf: number; subleaf: number }[] => {
  const seen = new Map<string, { leaf: number; subleaf: number }>();
  for (const { leaf, firstSubleaf, lastSubleaf } of rows) {
    for (const subleaf of new Set([firstSubleaf, Math.min(firstSubleaf + 1, lastSubleaf)])) {
      seen.set(`${leaf}.${subleaf}`, { leaf, subleaf });
    }
  }
  return [...seen.values()];
};

/** Bits that are 1 under every profile: KVM emulates them on every host. */
function alwaysOn(definitions: Definitions, leaf: number, subleaf: number, register: Register): number {
  return definitions.cpuid
    .filter(
      (row) =>
        row.leaf === leaf &&
        row.register === register &&
        row.firstSubleaf <= subleaf &&
        subleaf <= row.lastSubleaf,
    )
    .flatMap(({ fields }) => fields)
    .reduce(
      (bits, { first, last, policy }) =>
        typeof policy === 'object' && policy.static !== 0 ? or32(bits, mask32(first, last)) : bits,
      0,
    );
}

/** Controls that no host forces on guests: KVM emulates them, so their must-be-1 bit is always clear. */
const neverOn = ({ fields }: MsrDefinition): bigint =>
  fields
    .filter(({ relation, policy }) => relation === 'superset' && typeof policy === 'object')
    .reduce((bits, { first, last }) => bits | mask64(first, last), 0n);

const vendorWord = (vendor: Vendor, part: number): number =>
  [3, 2, 1, 0].reduce((word, i) => word * 256 + VENDOR_STRINGS[vendor].charCodeAt(4 * part + i), 0);

export const hostOf = (vendor: Vendor): fc.Arbitrary<Snapshot> => {
  const definitions = definitionsFor(vendor);
  const entries = places(definitions.cpuid).map(({ leaf, subleaf }) =>
    fc.tuple(word32, word32, word32, word32).map((words) => {
      const value = (register: Register): number =>
        or32(words[REGISTERS.indexOf(register)] ?? 0, alwaysOn(definitions, leaf, subleaf, register));
      if (leaf === 0)
        return {
          leaf,
          subleaf,
          eax: 0x24,
          ebx: vendorWord(vendor, 0),
          ecx: vendorWord(vendor, 2),
          edx: vendorWord(vendor, 1),
        };
      const eax = leaf === 0x8000_0000 ? 0x8000_0026 : value('eax');
      return { leaf, subleaf, eax, ebx: value('ebx'), ecx: value('ecx'), edx: value('edx') };
    }),
  );
  const listed = [
    ...definitions.permitted,
    ...definitions.kvm,
    ...definitions.hyperv,
    ...definitions.forbidden,
  ].map(({ first }) => first);
  return fc
    .record({
      cpuid: fc.tuple(...entries),
      featureMsrs: fc.tuple(
        ...definitions.featureMsrs.map((row) =>
          word64.map((word) => ({ index: row.index, value: word & ~neverOn(row) })),
        ),
      ),
      msrIndices: fc.subarray(listed),
    })
    .map((lists) =>
      normaliseSnapshot({
        vendor,
        source: 'kvm',
        partial: false,
        ...lists,
        capabilities: { msrFilter: true, userSpaceMsr: true, nested: true },
      }),
    );
};

export const anyHost: fc.Arbitrary<Snapshot> = fc.constantFrom(...VENDORS).chain(hostOf);
export const anyPair: fc.Arbitrary<readonly [Snapshot, Snapshot]> = fc
  .constantFrom(...VENDORS)
  .chain((vendor) => fc.tuple(hostOf(vendor), hostOf(vendor)));
