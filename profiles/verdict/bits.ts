/** Questions about single CPUID bits of a profile. */
import type { CpuidBit } from '../definitions/types.ts';
import type { CpuidAdjustment, ProfileData } from '../model/profile.ts';
import { registerKey, type Register, type Vendor } from '../model/registers.ts';

/** 1:ECX[5] VMX (Intel SDM vol. 2A, CPUID), 80000001:ECX[2] SVM (AMD APM vol. 3, E.4.2). */
export const NESTING_BIT: Readonly<Record<Vendor, CpuidBit>> = {
  intel: { leaf: 0x1, subleaf: 0, register: 'ecx', bit: 5 },
  amd: { leaf: 0x8000_0001, subleaf: 0, register: 'ecx', bit: 2 },
};

type Index = ReadonlyMap<number, readonly CpuidAdjustment[]>;

// A derived view, kept as long as the list it belongs to: lists are immutable.
const indices = new WeakMap<ProfileData['cpuid'], Index>();

function indexOf(entries: ProfileData['cpuid']): Index {
  const known = indices.get(entries);
  if (known !== undefined) return known;
  const index = new Map<number, CpuidAdjustment[]>();
  for (const entry of entries) {
    const key = registerKey(entry.leaf, entry.register);
    const group = index.get(key);
    if (group === undefined) index.set(key, [entry]);
    else group.push(entry);
  }
  indices.set(entries, index);
  return index;
}

/** The adjustment of one register, or `undefined` where the profile lists none and the guest sees 0. */
export const adjustmentAt = (
  data: ProfileData,
  leaf: number,
  subleaf: number,
  register: Register,
): CpuidAdjustment | undefined =>
  indexOf(data.cpuid)
    .get(registerKey(leaf, register))
    ?.find((entry) => entry.subleaf <= subleaf && subleaf <= entry.lastSubleaf);

/** Does the profile show guests this bit as 1 on every host? */
export function fixesToOne(data: ProfileData, { leaf, subleaf, register, bit }: CpuidBit): boolean {
  return (((adjustmentAt(data, leaf, subleaf, register)?.value ?? 0) >>> bit) & 1) === 1;
}
