/** Random but valid profiles for property tests: normalised data with ranges, gaps and words of every kind. */
import fc from 'fast-check';
import { minus32, U32_MAX, U64_MAX } from '../profiles/model/numbers.ts';
import {
  type CpuidAdjustment,
  FILTER_MODES,
  type MsrAdjustment,
  type Profile,
  type ProfileData,
} from '../profiles/model/profile.ts';
import { compareCpuidPlaces, REGISTERS, VENDORS } from '../profiles/model/registers.ts';

const LEAVES = [
  0x0, 0x1, 0x4, 0x7, 0xb, 0xd, 0x1f, 0x4000_0001, 0x8000_0001, 0x8000_0008, 0x8000_000a, 0xdead_beef,
];
/** MSRs of every table and of none: adjusted, architectural, KVM's, Hyper-V's, forbidden, x2APIC, unknown. */
export const NOTABLE_MSRS = [
  0x0,
  0x10,
  0x11,
  0x3a,
  0x48,
  0x49,
  0x8b,
  0xce,
  0xfe,
  0x10a,
  0x10b,
  0x123,
  0x1d9,
  0x1f8,
  0x2ff,
  0x345,
  0x400,
  0x480,
  0x481,
  0x493,
  0x6e0,
  0x7ff,
  0x800,
  0x83f,
  0x8ff,
  0x900,
  0xda0,
  0x4000_0000,
  0x4b56_4d00,
  0xc000_0080,
  0xc000_0104,
  0xc001_0015,
  0xc001_0114,
  0xc001_1029,
  0xdead_0000,
  U32_MAX,
];

const word32 = fc.oneof(fc.constantFrom(0, U32_MAX), fc.integer({ min: 0, max: U32_MAX }));
const word64 = fc.oneof(fc.constantFrom(0n, U64_MAX), fc.bigInt({ min: 0n, max: U64_MAX }));
export const msrIndex = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NOTABLE_MSRS) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x2fff }) },
);

const cpuid: fc.Arbitrary<CpuidAdjustment[]> = fc
  .array(
    fc.record({
      leaf: fc.constantFrom(...LEAVES),
      register: fc.constantFrom(...REGISTERS),
      mask: word32,
      word: word32,
      skip: fc.nat(2),
      length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 4 })),
    }),
    { maxLength: 60 },
  )
  .map((rows) => {
    // Subleaves of one register follow each other, so that no two ranges overlap.
    const next = new Map<string, number>();
    return rows
      .map(({ leaf, register, mask, word, skip, length }) => {
        const key = `${leaf}.${register}`;
        const subleaf = (next.get(key) ?? 0) + (next.has(key) ? skip : 0);
        next.set(key, subleaf + length);
        return {
          leaf,
          subleaf,
          lastSubleaf: subleaf + length - 1,
          register,
          mask,
          value: minus32(word, mask),
        };
      })
      .sort(compareCpuidPlaces);
  });

const featureMsrs: fc.Arbitrary<MsrAdjustment[]> = fc
  .uniqueArray(fc.record({ index: msrIndex, mask: word64, word: word64 }), {
    selector: ({ index }) => index,
    maxLength: 8,
  })
  .map((rows) =>
    rows
      .map(({ index, mask, word }) => ({ index, mask, value: word & ~mask }))
      .sort((left, right) => left.index - right.index),
  );

export const profileData: fc.Arbitrary<ProfileData> = fc.record({
  cpuid,
  featureMsrs,
  requiredMsrs: fc
    .uniqueArray(msrIndex, { maxLength: 12 })
    .map((indices) => indices.sort((left, right) => left - right)),
});

export const anyProfile: fc.Arbitrary<Profile> = fc.record({
  vendor: fc.constantFrom(...VENDORS),
  data: profileData,
  filter: fc.constantFrom(...FILTER_MODES),
});
