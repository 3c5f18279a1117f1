/** The profiles of the benches. */
import { catalogEntry, catalogNames } from '../../profiles/catalog/catalog.ts';
import { generate } from '../../profiles/make/generate.ts';
import { resolve } from '../../profiles/make/resolve.ts';
import { minus32 } from '../../profiles/model/numbers.ts';
import type { Profile } from '../../profiles/model/profile.ts';
import { lint } from '../../profiles/verdict/lint.ts';
import { BASE_HOSTS } from '../domain/quick-host.ts';

export const PROFILES = 100;
/** bmi1, bmi2, erms, rdseed, adx, clflushopt, clwb, sha: nothing else in a profile hangs on them. */
const TAKEN_AWAY = [3, 8, 9, 18, 19, 23, 24, 29];

/** Published profiles have 227 to 240 registers; hosts that are filled at random give far larger ones. */
const USUAL_SIZE = 300;

/** A hundred good profiles: shipped ones, those of all hosts, and the same with one feature taken away. */
export function hundredProfiles(): Profile[] {
  const generated = BASE_HOSTS.map((host): Profile => {
    const { vendor, data } = generate('bench', host);
    return { vendor, data, filter: 'closed' };
  });
  const shipped = catalogNames().flatMap((catalog): Profile[] => {
    const resolved = resolve({ vendor: catalogEntry(catalog)?.vendor ?? 'intel', catalog });
    return resolved.ok ? [resolved.profile] : [];
  });
  const known = [...shipped, ...generated].filter(
    (profile) =>
      profile.data.cpuid.length <= USUAL_SIZE && lint(profile).every(({ severity }) => severity !== 'error'),
  );
  return Array.from({ length: PROFILES }, (_, i) =>
    variant(known[i % known.length], Math.floor(i / known.length)),
  );
}

/** `profile` without the `n`th feature that can be taken away; 0: as it is. */
function variant(profile: Profile | undefined, n: number): Profile {
  if (profile === undefined) throw new Error('there is no profile to start from');
  const bit = n === 0 ? undefined : TAKEN_AWAY[n % TAKEN_AWAY.length];
  if (bit === undefined) return profile;
  const cpuid = profile.data.cpuid.map((entry) =>
    entry.leaf === 7 && entry.subleaf === 0 && entry.register === 'ebx'
      ? { ...entry, value: minus32(entry.value, 2 ** bit) }
      : entry,
  );
  return { ...profile, data: { ...profile.data, cpuid } };
}
