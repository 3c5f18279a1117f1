/** A named CPU as bits: a model's words, with features switched by their names. */
import type { CpuModel } from './types.ts';
import { BIT_NAMES, bitsOfQemuName } from '../names/names.ts';
import type { BitName, NamedPlace } from '../names/types.ts';
import { or32 } from '../../model/numbers.ts';
import type { CpuidPlace, Vendor } from '../../model/registers.ts';

/** Leaf 1 EDX bits that AMD shows again in 0x80000001 EDX. AMD APM vol. 3, E.4.2; QEMU CPUID_EXT2_AMD_ALIASES. */
const AMD_COPIES = 0x0183_f3ff;

export const placeKey = ({ leaf, subleaf, register }: CpuidPlace): string => `${leaf}.${subleaf}.${register}`;

export class FeatureSet {
  readonly #vendor: Vendor;
  readonly #words = new Map<string, bigint>();
  readonly #open = new Map<string, bigint>();

  constructor(model: CpuModel) {
    this.#vendor = model.vendor;
    for (const row of model.cpuid) this.#words.set(placeKey(row), BigInt(row.value));
    for (const { index, value } of model.msrs) this.#words.set(msrKey(index), value);
  }

  /** Switches the bit; an optional feature is the host's to decide. */
  set({ place, presentWhen }: BitName, on: boolean | 'optional'): void {
    const key = keyOf(place);
    const bit = 1n << BigInt(place.bit);
    const known = this.#words.get(key) ?? 0n;
    if (on === 'optional') this.#open.set(key, (this.#open.get(key) ?? 0n) | bit);
    this.#words.set(key, on === (presentWhen === 1) ? known | bit : known & ~bit);
  }

  has({ place, presentWhen }: BitName): boolean {
    const word = this.#words.get(keyOf(place)) ?? 0n;
    return ((word >> BigInt(place.bit)) & 1n) === BigInt(presentWhen);
  }

  isOpen({ place }: BitName): boolean {
    return (((this.#open.get(keyOf(place)) ?? 0n) >> BigInt(place.bit)) & 1n) === 1n;
  }

  /** What QEMU does to the features a user chose: bits whose needs are off go, AMD's copies follow leaf 1. */
  settle(): void {
    for (let changed = true; changed;) {
      changed = false;
      for (const row of BIT_NAMES) {
        if (row.presentWhen === 0 || !this.has(row)) continue;
        const met = row.needs.every((names) =>
          names.some((name) => bitsOfQemuName(name).some((bit) => this.has(bit) || this.isOpen(bit))),
        );
        if (met) continue;
        this.set(row, false);
        changed = true;
      }
    }
    if (this.#vendor !== 'amd') return;
    const copies = this.register({ leaf: 0x1, subleaf: 0, register: 'edx' }) & AMD_COPIES;
    const place = { leaf: 0x8000_0001, subleaf: 0, register: 'edx' } as const;
    const own = this.register(place) & ~AMD_COPIES;
    this.#words.set(placeKey(place), BigInt(or32(own, copies)));
  }

  register(place: CpuidPlace): number {
    return Number(this.#words.get(placeKey(place)) ?? 0n);
  }

  msr(index: number): bigint {
    return this.#words.get(msrKey(index)) ?? 0n;
  }

  openBits(place: CpuidPlace): number {
    return Number(this.#open.get(placeKey(place)) ?? 0n);
  }

  openMsrBits(index: number): bigint {
    return this.#open.get(msrKey(index)) ?? 0n;
  }

  /** State components that the features which are on bring along: bit numbers of XCR0 and XSS. */
  stateComponents(): bigint {
    const owners = BIT_NAMES.filter((row) => row.ownsXsave && this.has(row));
    const xsave = bitsOfQemuName('xsave').some((row) => this.has(row));
    return xsave
      ? owners.flatMap(({ xsave: bits }) => bits).reduce((word, bit) => word | (1n << BigInt(bit)), 0n)
      : 0n;
  }
}

const msrKey = (index: number): string => `msr ${index}`;
const keyOf = (place: NamedPlace): string => ('msr' in place ? msrKey(place.msr) : placeKey(place));

/** The bits of each register that `chosen` rows name. */
export function namedRegisters(chosen: (row: BitName) => boolean): {
  cpuid: { place: CpuidPlace; bits: number }[];
  msrs: { index: number; bits: bigint }[];
} {
  const cpuid = new Map<string, { place: CpuidPlace; bits: number }>();
  const msrs = new Map<number, { index: number; bits: bigint }>();
  for (const row of BIT_NAMES.filter(chosen)) {
    const { place } = row;
    const bit = 1n << BigInt(place.bit);
    if ('msr' in place) {
      const known = msrs.get(place.msr)?.bits ?? 0n;
      msrs.set(place.msr, { index: place.msr, bits: known | bit });
    } else {
      const known = cpuid.get(placeKey(place))?.bits ?? 0;
      const { leaf, subleaf, register } = place;
      cpuid.set(placeKey(place), { place: { leaf, subleaf, register }, bits: or32(known, Number(bit)) });
    }
  }
  return { cpuid: [...cpuid.values()], msrs: [...msrs.values()] };
}
