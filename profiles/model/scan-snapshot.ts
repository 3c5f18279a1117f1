/**
 * Reads the JSON text of a CpuSnapshot number by number, without building objects: a fleet has thousands of them. It
 * takes what this project and the API server write and nothing else: canonical hex, no repeated or unknown fields,
 * entries in rising order. Whoever gets `undefined` reads the text the ordinary way, which says what is wrong, if
 * anything is.
 */
import { JsonCursor, ODD, OddText } from './json-cursor.ts';
import type { Vendor } from './registers.ts';
import type { Capabilities, SnapshotSource } from './snapshot.ts';

/** Takes what is read, in rising order. What came before a text turned out to be odd must be thrown away. */
export interface SnapshotSink {
  entry(leaf: number, subleaf: number, eax: number, ebx: number, ecx: number, edx: number): void;
  /** The value in two words. */
  featureMsr(index: number, low: number, high: number): void;
  msrIndex(index: number): void;
}

/** What the text says beside the lists. */
export interface ScannedSnapshot {
  readonly name: string;
  readonly vendor: Vendor;
  readonly source: SnapshotSource;
  readonly partial: boolean;
  /** Whether the lists were there. */
  readonly featureMsrs: boolean;
  readonly msrIndices: boolean;
  readonly capabilities: Capabilities;
}

type Spec = Omit<ScannedSnapshot, 'name'>;

/** As many entries as the CRD takes. */
const MAX_ENTRIES = 2048;
const MAX_MSRS = 4096;
/** A name that every reader takes. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,39}[a-z0-9])?$/;

/** Reads `text`, a CpuSnapshot of API version `apiVersion`; `undefined` when anything about it is odd. */
export function scanSnapshot(
  text: string,
  apiVersion: string,
  sink: SnapshotSink,
): ScannedSnapshot | undefined {
  try {
    return scanDocument(new JsonCursor(text), apiVersion, sink);
  } catch (error) {
    if (error instanceof OddText) return undefined;
    throw error;
  }
}

function scanDocument(cursor: JsonCursor, apiVersion: string, sink: SnapshotSink): ScannedSnapshot {
  let version: string | undefined;
  let kind: string | undefined;
  let name: string | undefined;
  let spec: Spec | undefined;
  cursor.mapByName((key) => {
    if (key === 'apiVersion') version = cursor.word([apiVersion]);
    else if (key === 'kind') kind = cursor.word(['CpuSnapshot']);
    else if (key === 'metadata') name = nameIn(cursor.anyMap());
    else if (key === 'spec') spec = scanSpec(cursor, sink);
    else throw ODD;
  });
  cursor.done();
  if (version === undefined || kind === undefined || name === undefined || spec === undefined) throw ODD;
  return { name, ...spec };
}

function nameIn(metadata: object): string {
  const name = 'name' in metadata ? metadata.name : undefined;
  if (typeof name !== 'string' || !NAME.test(name)) throw ODD;
  return name;
}

function scanSpec(cursor: JsonCursor, sink: SnapshotSink): Spec {
  let vendor: Vendor | undefined;
  let source: SnapshotSource | undefined;
  let partial: boolean | undefined;
  let capabilities: Capabilities | undefined;
  let cpuid = false;
  let featureMsrs = false;
  let msrIndices = false;
  cursor.mapByName((key) => {
    if (key === 'vendor') vendor = cursor.word(['intel', 'amd']);
    else if (key === 'source') source = cursor.word(['kvm', 'guest', 'raw']);
    else if (key === 'partial') partial = cursor.boolean();
    else if (key === 'capabilities') capabilities = scanCapabilities(cursor);
    else if (key === 'cpuid') cpuid = scanCpuid(cursor, sink);
    else if (key === 'featureMsrs') featureMsrs = scanFeatureMsrs(cursor, sink);
    else if (key === 'msrIndices') msrIndices = scanMsrIndices(cursor, sink);
    else throw ODD;
  });
  if (vendor === undefined || source === undefined || partial === undefined) throw ODD;
  // The compiler does not follow what the closure above assigns.
  if (capabilities === undefined || !(cpuid as boolean)) throw ODD;
  return { vendor, source, partial, featureMsrs, msrIndices, capabilities };
}

function scanCapabilities(cursor: JsonCursor): Capabilities {
  const found: Partial<Record<keyof Capabilities, boolean>> = {};
  cursor.mapByName((key) => {
    if (key !== 'msrFilter' && key !== 'userSpaceMsr' && key !== 'nested') throw ODD;
    found[key] = cursor.boolean();
  });
  const { msrFilter, userSpaceMsr, nested } = found;
  if (msrFilter === undefined || userSpaceMsr === undefined || nested === undefined) throw ODD;
  return { msrFilter, userSpaceMsr, nested };
}

const [LETTER_E, LETTER_A, LETTER_D, LETTER_X] = [0x65, 0x61, 0x64, 0x78] as const;
const [LEAF, SUBLEAF, ALL_SIX] = [4, 5, 0b11_1111] as const;

/** Which of the six words of an entry the key at hand names: 0 to 3 EAX to EDX, LEAF, SUBLEAF. */
function entryKey({ text, start, end }: JsonCursor): number {
  const length = end - start;
  if (length === 3) {
    const second = text.charCodeAt(start + 1);
    const plain = text.charCodeAt(start) === LETTER_E && text.charCodeAt(start + 2) === LETTER_X;
    if (plain && second >= LETTER_A && second <= LETTER_D) return second - LETTER_A;
  } else if (length === 4) {
    if (text.startsWith('leaf', start)) return LEAF;
  } else if (length === 7 && text.startsWith('subleaf', start)) return SUBLEAF;
  throw ODD;
}

function scanCpuid(cursor: JsonCursor, sink: SnapshotSink): true {
  const words = new Uint32Array(6);
  let lastLeaf = -1;
  let lastSubleaf = 0;
  let count = 0;
  let seen = 0;
  const field = (): void => {
    const key = entryKey(cursor);
    if (((seen >>> key) & 1) === 1) throw ODD;
    seen |= 1 << key;
    cursor.hex(8);
    words[key] = cursor.low;
  };
  cursor.list(() => {
    seen = 0;
    cursor.map(field);
    count += 1;
    const [eax = 0, ebx = 0, ecx = 0, edx = 0, leaf = 0, subleaf = 0] = words;
    const rising = leaf > lastLeaf || (leaf === lastLeaf && subleaf > lastSubleaf);
    if (seen !== ALL_SIX || !rising || count > MAX_ENTRIES) throw ODD;
    lastLeaf = leaf;
    lastSubleaf = subleaf;
    sink.entry(leaf, subleaf, eax, ebx, ecx, edx);
  });
  return true;
}

function scanFeatureMsrs(cursor: JsonCursor, sink: SnapshotSink): true {
  let last = -1;
  let count = 0;
  cursor.list(() => {
    let index = -1;
    let low = -1;
    let high = 0;
    cursor.map(() => {
      const { text, start, end } = cursor;
      if (index === -1 && end - start === 5 && text.startsWith('index', start)) {
        cursor.hex(8);
        index = cursor.low;
      } else if (low === -1 && end - start === 5 && text.startsWith('value', start)) {
        cursor.hex(16);
        low = cursor.low;
        high = cursor.high;
      } else throw ODD;
    });
    count += 1;
    if (index <= last || low === -1 || count > MAX_MSRS) throw ODD;
    last = index;
    sink.featureMsr(index, low, high);
  });
  return true;
}

function scanMsrIndices(cursor: JsonCursor, sink: SnapshotSink): true {
  let last = -1;
  let count = 0;
  cursor.list(() => {
    cursor.hex(8);
    count += 1;
    if (cursor.low <= last || count > MAX_MSRS) throw ODD;
    last = cursor.low;
    sink.msrIndex(last);
  });
  return true;
}
