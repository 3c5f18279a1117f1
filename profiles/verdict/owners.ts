/**
 * Fields that must be equal on both sides belong to a feature: a size or a palette matters only to a guest that is
 * offered what it describes. Intel SDM vol. 1, 13.2 (XSAVE), vol. 2A CPUID 0x1d, 0x1e (AMX); AMD APM vol. 3, E.4.17 (RAP).
 */
import type { CpuidBit } from '../definitions/types.ts';
import { canBeOne } from '../msr-filter/permitted.ts';
import type { ProfileData } from '../model/profile.ts';

const AMX_TILE: CpuidBit = { leaf: 0x7, subleaf: 0, register: 'edx', bit: 24 };
const ERAPS: CpuidBit = { leaf: 0x8000_0021, subleaf: 0, register: 'eax', bit: 24 };

/** The bits of which one must be offered for the equal fields of `leaf`.`subleaf` to matter; `undefined`: nobody owns them. */
export function ownersOf(leaf: number, subleaf: number): readonly CpuidBit[] | undefined {
  switch (leaf) {
    case 0xd:
      return subleaf >= 2 ? XSTATE_OWNERS[subleaf] : undefined;
    case 0x1d:
    case 0x1e:
      return [AMX_TILE];
    case 0x8000_0021:
      return [ERAPS];
    default:
      return undefined;
  }
}

/**
 * A state component is enabled in XCR0 or in IA32_XSS, never in either: user components are 0-7, PKRU (9), AMX (17, 18)
 * and APX (19). Low halves are in 0xd.0 EAX and 0xd.1 ECX, high halves in EDX of both. Intel SDM vol. 1, 13.1.
 */
const XSTATE_OWNERS: readonly (readonly CpuidBit[])[] = Array.from({ length: 64 }, (_, component) =>
  xstateOwners(component),
);

function xstateOwners(component: number): CpuidBit[] {
  const bit = component % 32;
  const low = component < 32;
  const user: CpuidBit = { leaf: 0xd, subleaf: 0, register: low ? 'eax' : 'edx', bit };
  const supervisor: CpuidBit = { leaf: 0xd, subleaf: 1, register: low ? 'ecx' : 'edx', bit };
  if (component > 19) return [user, supervisor];
  return component <= 7 || component === 9 || component >= 17 ? [user] : [supervisor];
}

/** Does the profile offer the feature that owns the equal fields of this place? false also where nobody owns them. */
export function ownerOffered(data: ProfileData, leaf: number, subleaf: number): boolean {
  return ownersOf(leaf, subleaf)?.some((bit) => canBeOne(data, bit)) ?? false;
}
