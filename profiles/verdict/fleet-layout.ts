/**
 * Where a host's numbers stand in a row of 32-bit words, so that a profile is held against a host by comparing words:
 * only what some profile of the fleet asks about has a place.
 */
import type { Register } from '../model/registers.ts';
import type { SnapshotSink } from '../model/scan-snapshot.ts';
import type { Snapshot } from '../model/snapshot.ts';

/** One bit of a row. */
export interface RowBit {
  readonly word: number;
  readonly mask: number;
}

/** Subleaves of a leaf that somebody asks about. */
interface Place {
  readonly subleaf: number;
  readonly lastSubleaf: number;
  /** Set when the host has an entry here. */
  readonly present: RowBit;
  /** Words of EAX, EBX, ECX and EDX, -1 where nobody asks; only for a single subleaf. */
  readonly words: [number, number, number, number];
}

interface FeatureMsr {
  readonly present: RowBit;
  /** The low word; the high one follows. */
  readonly word: number;
}

const REGISTER_WORD: Readonly<Record<Register, 0 | 1 | 2 | 3>> = { eax: 0, ebx: 1, ecx: 2, edx: 3 };

/** Grows while the profiles of a fleet are compiled; then rows of `width` words are filled through it. */
export class FleetLayout implements SnapshotSink {
  private readonly leaves = new Map<number, Place[]>();
  private readonly featureMsrs = new Map<number, FeatureMsr>();
  private readonly listed = new Map<number, RowBit>();
  private words = 0;
  private bitsLeft = 0;
  private bitWord = 0;
  private row = new Uint32Array(0);
  private lastLeaf = -1;
  private lastPlaces: readonly Place[] = [];

  get width(): number {
    return this.words;
  }

  /** A bit of its own. */
  bit(): RowBit {
    if (this.bitsLeft === 0) {
      this.bitWord = this.take(1);
      this.bitsLeft = 32;
    }
    this.bitsLeft -= 1;
    return { word: this.bitWord, mask: (1 << this.bitsLeft) >>> 0 };
  }

  /** The bit that is set when the host has an entry in these subleaves. */
  presence(leaf: number, subleaf: number, lastSubleaf: number): RowBit {
    return this.place(leaf, subleaf, lastSubleaf).present;
  }

  /** The word of a register. */
  register(leaf: number, subleaf: number, register: Register): number {
    const { words } = this.place(leaf, subleaf, subleaf);
    const which = REGISTER_WORD[register];
    if (words[which] === -1) words[which] = this.take(1);
    return words[which];
  }

  /** The words of a feature MSR and the bit that is set when the host has it. */
  featureMsrPlace(index: number): FeatureMsr {
    return known(this.featureMsrs, index, () => ({ present: this.bit(), word: this.take(2) }));
  }

  /** The bit that is set when the feature list or the index list names the MSR. */
  listedMsr(index: number): RowBit {
    return known(this.listed, index, () => this.bit());
  }

  /** A row of zeros, which the methods below fill. */
  start(): Uint32Array<ArrayBuffer> {
    this.lastLeaf = -1;
    return (this.row = new Uint32Array(this.words));
  }

  entry(leaf: number, subleaf: number, eax: number, ebx: number, ecx: number, edx: number): void {
    if (leaf !== this.lastLeaf) {
      this.lastLeaf = leaf;
      this.lastPlaces = this.leaves.get(leaf) ?? [];
    }
    for (const place of this.lastPlaces) {
      if (subleaf < place.subleaf || subleaf > place.lastSubleaf) continue;
      this.set(place.present);
      const { words } = place;
      if (words[0] !== -1) this.row[words[0]] = eax;
      if (words[1] !== -1) this.row[words[1]] = ebx;
      if (words[2] !== -1) this.row[words[2]] = ecx;
      if (words[3] !== -1) this.row[words[3]] = edx;
    }
  }

  featureMsr(index: number, low: number, high: number): void {
    this.msrIndex(index);
    const place = this.featureMsrs.get(index);
    if (place === undefined) return;
    this.set(place.present);
    this.row[place.word] = low;
    this.row[place.word + 1] = high;
  }

  msrIndex(index: number): void {
    const bit = this.listed.get(index);
    if (bit !== undefined) this.set(bit);
  }

  set({ word, mask }: RowBit): void {
    this.row[word] = (this.row[word] ?? 0) | mask;
  }

  private place(leaf: number, subleaf: number, lastSubleaf: number): Place {
    const places = known(this.leaves, leaf, (): Place[] => []);
    const found = places.find((place) => place.subleaf === subleaf && place.lastSubleaf === lastSubleaf);
    if (found !== undefined) return found;
    const place: Place = { subleaf, lastSubleaf, present: this.bit(), words: [-1, -1, -1, -1] };
    places.push(place);
    return place;
  }

  private take(count: number): number {
    const first = this.words;
    this.words += count;
    return first;
  }
}

/** Reads a snapshot that is an object already. */
export function pourSnapshot({ cpuid, featureMsrs, msrIndices }: Snapshot, sink: SnapshotSink): void {
  for (const { leaf, subleaf, eax, ebx, ecx, edx } of cpuid) sink.entry(leaf, subleaf, eax, ebx, ecx, edx);
  for (const { index, value } of featureMsrs ?? []) {
    sink.featureMsr(index, Number(value & 0xffff_ffffn), Number(value >> 32n));
  }
  for (const index of msrIndices ?? []) sink.msrIndex(index);
}

function known<Value>(map: Map<number, Value>, key: number, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const value = make();
  map.set(key, value);
  return value;
}
