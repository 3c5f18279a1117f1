/** How findings are worded and put together: one sentence that tells a reader what is wrong and why it matters. */
import type { Finding, FindingClass, FindingCode, Relation, Where } from '../model/finding.ts';
import { bitsOf, toHex, U32_MAX, U64_MAX } from '../model/numbers.ts';
import type { Register } from '../model/registers.ts';

export const cpuidWhere = (leaf: number, subleaf: number, register: Register): Where => ({
  leaf: toHex(leaf),
  subleaf: toHex(subleaf),
  register,
});
export const msrWhere = (index: number): Where => ({ msr: toHex(index) });

/**
 * A place as the manuals write it: `CPUID 7.0:EBX[24]`, `MSR 0x10a[17]`, or `the host` for what concerns the whole.
 * Leaf and subleaf are hex. Bits rise as a list, `[6,8,9]`; runs of three and more are ranges, `[9:7]`.
 */
export function placeText(where: Where, bits: readonly number[] = []): string {
  const brackets = bits.length === 0 ? '' : `[${ranges(bits)}]`;
  if ('msr' in where) return `MSR ${where.msr}${brackets}`;
  if (!('leaf' in where)) return 'the host';
  return `CPUID ${where.leaf.slice(2)}.${where.subleaf.slice(2)}:${where.register.toUpperCase()}${brackets}`;
}

/** `24`, `6,8,9`, `9:7`: rising bit numbers with runs of three and more drawn together. */
function ranges(bits: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < bits.length;) {
    let j = i;
    while ((bits[j + 1] ?? -1) === (bits[j] ?? 0) + 1) j += 1;
    const [first, last] = [bits[i] ?? 0, bits[j] ?? 0];
    if (j - i >= 2) parts.push(`${last}:${first}`);
    else for (let k = i; k <= j; k += 1) parts.push(String(bits[k]));
    i = j + 1;
  }
  return parts.join(',');
}

/** What a comparison that failed is about, on a 32-bit or a 64-bit register. */
export interface Mismatch<Word extends number | bigint> {
  readonly where: Where;
  readonly name: string;
  readonly class: FindingClass;
  readonly relation: Relation;
  /** The whole register as the guest sees it and as the host has it. */
  readonly guest: Word;
  readonly host: Word;
  /** The field's mask and the bits of it that offend. */
  readonly field: Word;
  readonly offending: Word;
}

const CODES = {
  subset: ['CpuidBitsMissing', 'MsrBitsMissing'],
  superset: ['CpuidBitsUnwanted', 'MsrBitsUnwanted'],
  'at-most': ['CpuidValueTooLow', 'MsrValueTooLow'],
  equal: ['CpuidValueDiffers', 'MsrValueDiffers'],
} as const satisfies Partial<Record<Relation, readonly [FindingCode, FindingCode]>>;

/** The error of a failed comparison. Bit relations show the whole registers, value relations the field's two values. */
export function mismatch(what: Mismatch<number> | Mismatch<bigint>): Finding {
  const { where, name, relation } = what;
  if (relation === 'identity' || relation === 'ignore') throw new TypeError(`${relation} is never compared`);
  const isValue = relation === 'at-most' || relation === 'equal';
  const shown = (word: number | bigint): string =>
    toHex(isValue ? fieldValue(BigInt(word), BigInt(what.field)) : word);
  const bits = bitsOf(what.offending);
  const [profile, host] = [shown(what.guest), shown(what.host)];
  return {
    code: CODES[relation]['msr' in where ? 1 : 0],
    severity: 'error',
    where,
    bits,
    name,
    class: what.class,
    relation,
    profile,
    host,
    message: sentence(
      what,
      `${name} (${placeText(where, isValue ? fieldBits(what.field) : bits)})`,
      profile,
      host,
    ),
  };
}

/** A field's bits for its place; none for a register as a whole. */
const fieldBits = (field: number | bigint): number[] =>
  field === U32_MAX || field === U64_MAX ? [] : bitsOf(field);

/** The bits of `field` moved down to bit 0. */
function fieldValue(word: bigint, field: bigint): bigint {
  const lowest = field & -field;
  return lowest === 0n ? 0n : (word & field) / lowest;
}

function sentence(
  { relation, class: class_ }: Mismatch<number> | Mismatch<bigint>,
  what: string,
  profile: string,
  host: string,
): string {
  switch (relation) {
    case 'subset':
      return class_ === 'mitigation'
        ? `The profile promises guests ${what}, which this host does not give: they would run unprotected or believe a protection that is not there.`
        : `The profile shows guests ${what}, which this host does not offer.`;
    case 'superset':
      return class_ === 'mitigation'
        ? `This host sets ${what}, which the profile shows as clear: guests would leave out a defence that they need here.`
        : `This host sets ${what}, which the profile shows as clear: guests would count on a freedom that they do not have here.`;
    case 'at-most':
      return `The profile needs ${what} to reach ${profile}; this host stops at ${host}.`;
    case 'equal':
      return `${what} is ${profile} under the profile and ${host} on this host; guests keep state laid out by it, so it must be the same.`;
    case 'identity':
    case 'ignore':
      return '';
  }
}

/** What the snapshot does not tell: a warning that keeps the answer from being Yes. */
export const notObserved = (
  about: Pick<Finding, 'where' | 'name' | 'class'> &
    Partial<Pick<Finding, 'bits' | 'relation' | 'profile' | 'host'>>,
  message: string,
): Finding => ({
  code: 'NotObserved',
  severity: 'warning',
  bits: [],
  relation: 'subset',
  profile: '0x0',
  host: '0x0',
  ...about,
  message,
});
