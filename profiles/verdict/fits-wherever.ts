/**
 * The order of profiles: `lower` fits wherever `upper` fits. By the same compiled rows as a verdict: everything that
 * `lower` asks of a host is implied by what `upper` asks. Holds for complete answers of KVM; a partial or raw snapshot can
 * leave one of two ordered profiles Unknown and the other not.
 */
import { BRAND_LEAVES } from '../make/brand.ts';
import { and32, bitsOf, mask32, minus32 } from '../model/numbers.ts';
import type { FindingClass } from '../model/finding.ts';
import type { Profile } from '../model/profile.ts';
import { compileProfile, type CompiledProfile } from './compile.ts';
import type { CompiledCpuid, PresenceCheck } from './compile-cpuid.ts';
import { presenceName } from './compile-cpuid.ts';
import type { MsrCheck, MsrFieldCheck } from './compile-msrs.ts';
import { fieldsOf, type RegisterCheck } from './compile-register.ts';
import { ARCH_CAPABILITIES, FB_CLEAR } from './exceptions.ts';
import { cpuidWhere, msrWhere, placeText } from './findings.ts';

/** Something that `lower` asks of a host and `upper` does not. */
export interface Excess {
  /** Names of fields, as findings have them. */
  readonly name: string;
  /** `CPUID 7.0:EBX[16]`, `MSR 0x10a`, or `the host` for a capability. */
  readonly place: string;
  readonly class: FindingClass;
}

/** Whether every host that can honour `upper` can honour `lower`. */
export const fitsWherever = (lower: Profile, upper: Profile): boolean => excess(lower, upper).length === 0;

/** Two profiles that exactly the same hosts can honour. */
export const fitsTheSame = (left: Profile, right: Profile): boolean =>
  fitsWherever(left, right) && fitsWherever(right, left);

/** What keeps `lower` from fitting wherever `upper` fits, in the order of a verdict; empty when nothing does. */
export function excess(lower: Profile, upper: Profile): Excess[] {
  if (lower.vendor !== upper.vendor) return [ofHost('vendor', 'identity')];
  const [low, up] = [compileProfile(lower), compileProfile(upper)];
  return [
    ...low.msrs.adjusted.flatMap((check) => msrExcess(check, up)),
    ...low.cpuid.registers.flatMap((check) => registerExcess(check, up.cpuid)),
    ...low.cpuid.presence.filter((check) => !isPresent(check, low.cpuid, up.cpuid)).map(presenceExcess),
    ...low.msrs.required
      .filter(({ index }) => !requires(up, index))
      .map(({ index, describe }) => ({ ...describe(), place: placeText(msrWhere(index)) })),
    ...(low.needsNesting && !up.needsNesting ? [ofHost('nested', 'virtualization')] : []),
    ...(low.needsMsrFilter && !up.needsMsrFilter ? [ofHost('msrFilter', 'virtualization')] : []),
  ];
}

const ofHost = (name: string, class_: FindingClass): Excess => ({
  name,
  place: placeText({}),
  class: class_,
});

const LARGEST_EXTENDED = 0x8000_0000;

const requires = ({ msrs }: CompiledProfile, index: number): boolean =>
  msrs.required.some((each) => each.index === index) || msrs.adjusted.some((each) => each.index === index);

/**
 * An entry must exist within a range of subleaves: implied where one must exist within a part of that range. Where bits of
 * the register are compared as well, they are in excess themselves. Every host has a brand string, and how many of its
 * leaves are not zero follows from how long the profile's name is.
 */
const isPresent = (check: PresenceCheck, low: CompiledCpuid, up: CompiledCpuid): boolean =>
  BRAND_LEAVES.includes(check.leaf) ||
  up.presence.some(
    ({ leaf, subleaf, lastSubleaf }) =>
      leaf === check.leaf && check.subleaf <= subleaf && lastSubleaf <= check.lastSubleaf,
  ) ||
  low.registers.some(
    ({ leaf, subleaf, register, care, expected }) =>
      leaf === check.leaf &&
      subleaf === check.subleaf &&
      register === check.register &&
      and32(care, expected) !== 0,
  );

const presenceExcess = (check: PresenceCheck): Excess => ({
  ...presenceName(check),
  place: placeText(cpuidWhere(check.leaf, check.subleaf, check.register)),
});

function registerExcess(check: RegisterCheck, { registers }: CompiledCpuid): Excess[] {
  const { leaf, subleaf, lastSubleaf, register } = check;
  if (leaf === LARGEST_EXTENDED && check.value <= Math.max(...BRAND_LEAVES)) return [];
  const others = registers
    .filter(
      (other) =>
        other.leaf === leaf &&
        other.register === register &&
        other.subleaf <= lastSubleaf &&
        subleaf <= other.lastSubleaf,
    )
    .sort((left, right) => left.subleaf - right.subleaf);
  let next = subleaf;
  let open = 0;
  for (const other of others) {
    if (other.subleaf > next) break;
    open |= notImplied(check, other);
    next = Math.max(next, other.lastSubleaf + 1);
  }
  // Where nothing is compared in the other profile a host may have anything.
  if (next <= lastSubleaf) open |= check.care | (check.atMost === 0 ? 0 : and32(check.value, check.atMost));
  return named(check, open >>> 0);
}

/** The bits of `check` that a host which passes `other` may fail. */
function notImplied(check: RegisterCheck, other: RegisterCheck): number {
  const unasked = minus32(check.care, other.care);
  const differing = and32(check.care, other.care) & (check.expected ^ other.expected);
  const numbers = numberFields(check).filter(
    (bits) => and32(other.atMost, bits) === 0 || and32(check.value, bits) > and32(other.value, bits),
  );
  return (unasked | differing | numbers.reduce((all, bits) => all | bits, 0)) >>> 0;
}

/** The masks of the numbers that a host must reach. A largest leaf is one number without fields of its own. */
function numberFields({ row, atMost }: RegisterCheck): number[] {
  if (atMost === 0) return [];
  const fields = (row?.fields ?? [])
    .filter(({ relation }) => relation === 'at-most')
    .map(({ first, last }) => mask32(first, last))
    .filter((bits) => and32(bits, atMost) !== 0);
  return fields.length === 0 ? [atMost] : fields;
}

function named(check: RegisterCheck, open: number): Excess[] {
  if (open === 0) return [];
  const { leaf, subleaf, register } = check;
  const where = cpuidWhere(leaf, subleaf, register);
  const fields = fieldsOf(check).filter(({ mask }) => and32(mask, open) !== 0);
  return fields.map(({ name, mask, class: class_ }) => ({
    name,
    place: placeText(where, bitsOf(and32(mask, open))),
    class: class_,
  }));
}

function msrExcess(check: MsrCheck, { msrs }: CompiledProfile): Excess[] {
  const other = msrs.adjusted.find(({ index }) => index === check.index);
  const place = placeText(msrWhere(check.index));
  if (other === undefined) return [{ name: check.name, place, class: check.class }];
  return check.fields
    .filter((field) => fieldNotImplied(check, other, field) || lessTolerant(check, other, field))
    .map(({ name, class: class_ }) => ({ name, place, class: class_ }));
}

/**
 * FbClearTolerated asks that nothing else is missing. So where `check` sets bad news that `other` leaves clear, a host can
 * be forgiven under `other` and not under `check`.
 */
function lessTolerant({ index, value }: MsrCheck, other: MsrCheck, { mask }: MsrFieldCheck): boolean {
  if (index !== ARCH_CAPABILITIES || mask !== FB_CLEAR) return false;
  return (value & FB_CLEAR) !== 0n && (value & ~other.value) !== 0n;
}

function fieldNotImplied(check: MsrCheck, other: MsrCheck, { mask, relation }: MsrFieldCheck): boolean {
  switch (relation) {
    case 'subset':
      return (check.value & ~other.value & mask) !== 0n;
    case 'superset':
      return (~check.mask & ~check.value & (other.mask | other.value) & mask) !== 0n;
    case 'at-most':
      return (check.value & mask) > (other.value & mask);
    case 'equal':
      return (~check.mask & (other.mask | (check.value ^ other.value)) & mask) !== 0n;
    case 'identity':
    case 'ignore':
      return false;
  }
}
