import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyPair } from '../../test/domain/arbitrary-host.ts';
import { generate } from '../make/generate.ts';
import { and32, minus32, U32_MAX } from '../model/numbers.ts';
import type { Profile } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { applyProfile } from './apply.ts';
import { adjustmentAt } from './bits.ts';
import { check } from './check.ts';
import { writtenLater } from './exceptions.ts';

type Place = readonly [leaf: number, subleaf: number, register: Register];

// The whole-register comparison of two hosts in Cloud Hypervisor (arch/src/x86_64/mod.rs, August 2026).
const SUBSET: readonly Place[] = [
  [0x1, 0, 'ecx'],
  [0x1, 0, 'edx'],
  [0x7, 0, 'ebx'],
  [0x7, 0, 'ecx'],
  [0x7, 0, 'edx'],
  [0x7, 1, 'eax'],
  [0x7, 1, 'ecx'],
  [0x7, 1, 'edx'],
  [0x7, 2, 'edx'],
  [0x1e, 1, 'eax'],
  [0x8000_0001, 0, 'ecx'],
  [0x8000_0001, 0, 'edx'],
  [0x4000_0001, 0, 'eax'],
  [0x4000_0001, 0, 'ebx'],
  [0x4000_0001, 0, 'ecx'],
  [0x4000_0001, 0, 'edx'],
];
const NOT_GREATER: readonly Place[] = [
  [0x7, 0, 'eax'],
  [0x1d, 0, 'eax'],
  [0x1e, 0, 'eax'],
];
const PLACES = [
  ...SUBSET.map((place) => ({ place, kind: 'subset' as const })),
  ...NOT_GREATER.map((place) => ({ place, kind: 'not greater' as const })),
];

const word = ({ cpuid }: Pick<Snapshot, 'cpuid'>, [leaf, subleaf, register]: Place): number =>
  cpuid.find((entry) => entry.leaf === leaf && entry.subleaf === subleaf)?.[register] ?? 0;

/** The bits that a profile fixes at a place and nobody writes later. */
function fixedBits({ vendor, data }: Profile, [leaf, subleaf, register]: Place): number {
  const adjustment = adjustmentAt(data, leaf, subleaf, register);
  if (adjustment === undefined) return 0;
  return minus32(minus32(U32_MAX, adjustment.mask), writtenLater(vendor, leaf, subleaf, register));
}

test('whatever fails a whole-register check on a bit that the profile fixes is No', () => {
  let failed = 0;
  fc.assert(
    fc.property(anyPair, fc.constantFrom(...PLACES), ([source, other], { place, kind }) => {
      // A host that differs from the source in this one register, so that nothing else can say No.
      const [leaf, subleaf, register] = place;
      const destination: Snapshot = {
        ...source,
        cpuid: source.cpuid.map((entry) =>
          entry.leaf === leaf && entry.subleaf === subleaf
            ? { ...entry, [register]: word(other, place) }
            : entry,
        ),
      };
      const amx = source.vendor === 'intel' && (word(source, [0x7, 0, 'edx']) >>> 24) % 2 === 1;
      const { vendor, data } = generate('source', source, { amx });
      const profile: Profile = { vendor, data, filter: 'none' };

      const promised = and32(word(applyProfile(profile, source), place), fixedBits(profile, place));
      const offered = word(destination, place);
      const fails = kind === 'subset' ? minus32(promised, offered) !== 0 : promised > offered;
      failed += Number(fails);
      expect(check(profile, destination).compatible).toBe(fails ? 'No' : 'Yes');
    }),
    { numRuns: 150 },
  );
  expect(failed).toBeGreaterThan(15);
});
