/**
 * A profile held once against the tables, so that each host costs only the comparison. Compiled profiles are
 * remembered by the Profile object: profiles are immutable.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import type { Profile } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import { compileCpuid, type CompiledCpuid } from './compile-cpuid.ts';
import { fixesToOne, NESTING_BIT } from './bits.ts';
import { compileMsrs, type CompiledMsrs } from './compile-msrs.ts';

export interface CompiledProfile {
  readonly vendor: Vendor;
  readonly cpuid: CompiledCpuid;
  readonly msrs: CompiledMsrs;
  /** Guests are shown VMX or SVM on every host. */
  readonly needsNesting: boolean;
  /** The filter mode is not none. */
  readonly needsMsrFilter: boolean;
}

const compiled = new WeakMap<Profile, CompiledProfile>();

export function compileProfile(profile: Profile): CompiledProfile {
  const known = compiled.get(profile);
  if (known !== undefined) return known;
  const definitions = definitionsFor(profile.vendor);
  const result: CompiledProfile = {
    vendor: profile.vendor,
    cpuid: compileCpuid(profile, definitions),
    msrs: compileMsrs(profile, definitions),
    needsNesting: fixesToOne(profile.data, NESTING_BIT[profile.vendor]),
    needsMsrFilter: profile.filter !== 'none',
  };
  compiled.set(profile, result);
  return result;
}
