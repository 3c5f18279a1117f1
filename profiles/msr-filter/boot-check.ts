/** Consistency rule BootMsrDenied: a closed filter leaves a guest kernel what it needs to come up (boot.ts). */
import type { Definitions, PermittedMsr } from '../definitions/types.ts';
import type { ProfileData } from '../model/profile.ts';
import { bootMsrs } from './boot.ts';
import {
  type Access,
  canBeOne,
  forbiddenMsrs,
  merged,
  permittedMsrs,
  type PermittedMsrs,
  type ProfileContent,
} from './permitted.ts';

export interface BootMsrGap {
  readonly index: number;
  readonly name: string;
  /** What the kernel does with it and the profile does not permit. */
  readonly access: Access;
}

/** The boot MSRs a closed filter of `profile` would deny. Empty when all is well. */
export function bootMsrGaps(profile: ProfileContent, definitions: Definitions): BootMsrGap[] {
  // Their own rows permit them, so that only a forbidden one can be denied: most profiles need no more than this look.
  const forbidden = merged(forbiddenMsrs(profile, definitions));
  const clash = bootMsrs(profile.vendor).some(
    (row) =>
      forbidden.some((range) => range.first <= row.last && row.first <= range.last) &&
      announced(row, profile.data),
  );
  return clash ? gapsIn(profile, permittedMsrs(profile, definitions)) : [];
}

/** A kernel does not look for what no CPUID bit announces. */
const announced = ({ anyOf }: Pick<PermittedMsr, 'anyOf'>, data: ProfileData): boolean =>
  anyOf.length === 0 || anyOf.some((bit) => canBeOne(data, bit));

/** The same for a permitted list at hand. */
export function gapsIn({ vendor, data }: ProfileContent, permitted: PermittedMsrs): BootMsrGap[] {
  const gaps: BootMsrGap[] = [];
  for (const { first, last, name, access, anyOf } of bootMsrs(vendor)) {
    if (!announced({ anyOf }, data)) continue;
    for (let index = first; index <= last; index += 1) {
      const has = permitted.get(index) ?? '';
      const missing = (['r', 'w'] as const).filter(
        (direction) => access.includes(direction) && !has.includes(direction),
      );
      const [direction] = missing;
      if (direction !== undefined)
        gaps.push({ index, name, access: missing.length === 2 ? 'rw' : direction });
    }
  }
  return gaps;
}
