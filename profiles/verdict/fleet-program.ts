/**
 * A compiled profile as words to compare. `subset`, `superset` and `equal` ask of single bits that they are set, clear or
 * what the profile says, so all fields of a register together are one comparison: (host & care) = expected.
 */
import { and32, minus32 } from '../model/numbers.ts';
import { fieldsOf, type RegisterCheck } from './compile-register.ts';
import type { MsrCheck } from './compile-msrs.ts';
import type { CompiledProfile } from './compile.ts';
import { ARCH_CAPABILITIES } from './exceptions.ts';
import type { FleetLayout, RowBit } from './fleet-layout.ts';

/** Bits of the row that say what the host is. */
export interface HostBits {
  readonly intel: RowBit;
  readonly amd: RowBit;
  readonly msrFilter: RowBit;
  readonly nested: RowBit;
}

/** `Uint32Array`s side by side: comparison `i` is about row word `word[i]`. */
export interface Program {
  readonly word: Uint32Array;
  readonly care: Uint32Array;
  readonly expected: Uint32Array;
  /** A register is compared only where the host has the entry: this bit of the row is set. Mask 0: always. */
  readonly gateWord: Uint32Array;
  readonly gateMask: Uint32Array;
  readonly atMost: readonly AtMost[];
  /** The comparison of the low word of IA32_ARCH_CAPABILITIES, where FB_CLEAR may be tolerated; -1: none. */
  readonly archCapabilities: number;
  readonly archCapabilitiesValue: bigint;
}

/** profile <= host over one field: (host & mask) | value against host & field, in two words. */
export interface AtMost {
  /** The low word, or -1 in a CPUID register. */
  readonly lowWord: number;
  readonly highWord: number;
  readonly gate: RowBit;
  readonly mask: readonly [low: number, high: number];
  readonly value: readonly [low: number, high: number];
  readonly field: readonly [low: number, high: number];
}

/** What only few hand-written profiles have is left to the ordinary check: ranges wider than this with fixed bits. */
const WIDEST_RANGE = 64;
const ALWAYS: RowBit = { word: 0, mask: 0 };

/** Bits that must be set and bits that must be clear. */
interface Wanted {
  care: number;
  expected: number;
}

/** Compiles `profile` into `layout`; `undefined` when it takes the ordinary check. */
export function compileProgram(
  profile: CompiledProfile,
  layout: FleetLayout,
  host: HostBits,
): Program | undefined {
  const { registers, presence } = profile.cpuid;
  if (registers.some(({ subleaf, lastSubleaf }) => lastSubleaf - subleaf >= WIDEST_RANGE)) return undefined;
  const comparisons = new Comparisons();
  comparisons.isSet(host[profile.vendor]);
  if (profile.needsNesting) comparisons.isSet(host.nested);
  if (profile.needsMsrFilter) comparisons.isSet(host.msrFilter);
  for (const { leaf, subleaf, lastSubleaf } of presence) {
    comparisons.isSet(layout.presence(leaf, subleaf, lastSubleaf));
  }
  for (const { index } of profile.msrs.required) comparisons.isSet(layout.listedMsr(index));
  for (const check of profile.msrs.adjusted) addMsr(check, layout, comparisons);
  for (const check of registers) {
    for (let subleaf = check.subleaf; subleaf <= check.lastSubleaf; subleaf += 1) {
      addRegister(check, subleaf, layout, comparisons);
    }
  }
  return comparisons.program();
}

class Comparisons {
  readonly atMost: AtMost[] = [];
  private readonly rows: { word: number; care: number; expected: number; gate: RowBit }[] = [];
  private readonly bits = new Map<number, number>();
  private archCapabilities: { word: number; value: bigint } | undefined;

  isSet({ word, mask }: RowBit): void {
    this.bits.set(word, ((this.bits.get(word) ?? 0) | mask) >>> 0);
  }

  matches(word: number, { care, expected }: Wanted, gate: RowBit): void {
    if (care !== 0) this.rows.push({ word, care, expected, gate });
  }

  toleratesFbClear(word: number, value: bigint): void {
    this.archCapabilities = { word, value };
  }

  program(): Program {
    const bits = [...this.bits].map(([word, mask]) => ({ word, care: mask, expected: mask, gate: ALWAYS }));
    // Whole words of yes and no first: a host of the other vendor fails at once.
    const rows = [...bits, ...this.rows];
    return {
      word: Uint32Array.from(rows, ({ word }) => word),
      care: Uint32Array.from(rows, ({ care }) => care),
      expected: Uint32Array.from(rows, ({ expected }) => expected),
      gateWord: Uint32Array.from(rows, ({ gate }) => gate.word),
      gateMask: Uint32Array.from(rows, ({ gate }) => gate.mask),
      atMost: this.atMost,
      archCapabilities: rows.findIndex(({ word }) => word === this.archCapabilities?.word),
      archCapabilitiesValue: this.archCapabilities?.value ?? 0n,
    };
  }
}

function addRegister(
  check: RegisterCheck,
  subleaf: number,
  layout: FleetLayout,
  comparisons: Comparisons,
): void {
  const { leaf, register, mask, value, care, expected } = check;
  const word = layout.register(leaf, subleaf, register);
  const gate = layout.presence(leaf, subleaf, subleaf);
  comparisons.matches(word, { care, expected }, gate);
  if (check.atMost === 0) return;
  for (const { relation, mask: field } of fieldsOf(check)) {
    if (relation !== 'at-most') continue;
    comparisons.atMost.push({
      lowWord: -1,
      highWord: word,
      gate,
      mask: [0, and32(mask, field)],
      value: [0, and32(value, field)],
      field: [0, field],
    });
  }
}

/** Adds what one relation asks of the bits in `field`; guest = (host & mask) | value. */
function want(wanted: Wanted, relation: string, mask: number, value: number, field: number): void {
  const fixed = minus32(field, mask);
  const care =
    relation === 'subset'
      ? value & field
      : relation === 'superset'
        ? minus32(fixed, value)
        : relation === 'equal'
          ? fixed
          : 0;
  wanted.care = (wanted.care | care) >>> 0;
  wanted.expected = (wanted.expected | (care & value)) >>> 0;
}

const halves = (word: bigint): [low: number, high: number] => [
  Number(word & 0xffff_ffffn),
  Number(word >> 32n),
];

function addMsr(check: MsrCheck, layout: FleetLayout, comparisons: Comparisons): void {
  const { present, word } = layout.featureMsrPlace(check.index);
  comparisons.isSet(present);
  const [maskLow, maskHigh] = halves(check.mask);
  const [valueLow, valueHigh] = halves(check.value);
  const low = { care: 0, expected: 0 };
  const high = { care: 0, expected: 0 };
  for (const { relation, mask: field } of check.fields) {
    if (relation === 'at-most') {
      comparisons.atMost.push({
        lowWord: word,
        highWord: word + 1,
        gate: present,
        mask: halves(check.mask & field),
        value: halves(check.value & field),
        field: halves(field),
      });
    } else {
      const [fieldLow, fieldHigh] = halves(field);
      want(low, relation, maskLow, valueLow, fieldLow);
      want(high, relation, maskHigh, valueHigh, fieldHigh);
    }
  }
  comparisons.matches(word, low, ALWAYS);
  comparisons.matches(word + 1, high, ALWAYS);
  if (check.index === ARCH_CAPABILITIES && low.care !== 0) comparisons.toleratesFbClear(word, check.value);
}
