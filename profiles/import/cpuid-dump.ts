/**
 * `cpuid -r`: the hexadecimal output of the program of that name (Todd Allen, http://www.etallen.com/cpuid.html), for
 * one CPU (`CPU:`) or for all (`CPU 0:`, `CPU 1:`, ...). It executes the CPUID instruction: a raw observation.
 */
import { InputError } from '../model/input-error.ts';
import { normaliseSnapshot, type CpuidEntry } from '../model/snapshot.ts';
import { quoted } from '../model/quoted.ts';
import { coversItsLeaves, CpuidEntries, entryName, sameEntry, vendorOfEntries } from './cpuid-entries.ts';
import { onlyFile, some, type ImportFile, type Imported, type ImportOptions } from './imported.ts';
import { RAW_NOT_KNOWN, UNKNOWN_CAPABILITIES, isHypervisorLeaf } from './raw.ts';

const MAX_CPUS = 8192;
const HEADER = /^CPU(?: (\d{1,5}))?:$/;
const HEX = '0x([0-9a-fA-F]{8})';
const ROW = new RegExp(`^${HEX} 0x([0-9a-fA-F]{2,8}): eax=${HEX} ebx=${HEX} ecx=${HEX} edx=${HEX}$`);

interface Cpu {
  readonly name: string;
  readonly entries: CpuidEntries;
}

/** The machine behind one `cpuid -r` output. Throws InputError naming the line. */
export function importCpuidDump(files: readonly ImportFile[], options: ImportOptions = {}): Imported {
  const file = onlyFile(files);
  const cpus = readCpus(file);
  const { shared, differing } = agreed(cpus);
  const own = shared.filter(({ leaf }) => !isHypervisorLeaf(leaf));
  const vendor = vendorOfEntries(
    file.name,
    own.find(({ leaf, subleaf }) => leaf === 0 && subleaf === 0),
    options,
  );
  const gaps = !coversItsLeaves(own);
  const notKnown = [...RAW_NOT_KNOWN];
  if (gaps)
    notKnown.push('leaves that the dump leaves out although the CPU has them: the snapshot is partial');
  if (differing.length > 0) {
    notKnown.push(
      `${some(differing)}: the CPUs of the dump differ there, so the entries are left out and the snapshot is partial`,
    );
  }
  if (own.length < shared.length)
    notKnown.push(
      'what KVM puts into leaves 0x40000000 and above: the dump shows the hypervisor it was taken under',
    );
  return {
    kind: 'snapshot',
    notKnown,
    snapshot: normaliseSnapshot({
      vendor,
      source: 'raw',
      partial: gaps || differing.length > 0,
      cpuid: own,
      featureMsrs: undefined,
      msrIndices: undefined,
      capabilities: UNKNOWN_CAPABILITIES,
    }),
  };
}

function readCpus({ name, text }: ImportFile): Cpu[] {
  const cpus: Cpu[] = [];
  const names = new Set<string>();
  let number = 0;
  for (const line of linesOf(text)) {
    number += 1;
    const content = line.trim();
    if (content === '') continue;
    const place = `${name} line ${number}`;
    const header = HEADER.exec(content);
    if (header !== null) {
      const cpu = header[1] === undefined ? 'the CPU' : `CPU ${header[1]}`;
      if (cpus.length >= MAX_CPUS) throw new InputError(place, `more than ${MAX_CPUS} CPUs`);
      if (names.has(cpu)) throw new InputError(place, `${cpu} appears twice`);
      names.add(cpu);
      cpus.push({ name: cpu, entries: new CpuidEntries() });
      continue;
    }
    const row = ROW.exec(content);
    if (row === null) throw new InputError(place, `${quoted(content)} is not a line of cpuid -r`);
    const [leaf = 0, subleaf = 0, eax = 0, ebx = 0, ecx = 0, edx = 0] = row
      .slice(1)
      .map((digits) => Number.parseInt(digits, 16));
    const cpu = cpus.at(-1);
    if (cpu === undefined) throw new InputError(place, 'comes before the first line "CPU:"');
    cpu.entries.add({ leaf, subleaf, eax, ebx, ecx, edx }, place);
  }
  const empty = cpus.find(({ entries }) => entries.size === 0);
  if (empty !== undefined) throw new InputError(name, `holds nothing for ${empty.name}`);
  if (cpus.length === 0) throw new InputError(name, 'holds no CPU: is this the output of cpuid -r?');
  return cpus;
}

/** One line at a time: a text of newlines alone must not become a list of a million strings. */
function* linesOf(text: string): Generator<string> {
  for (let start = 0; start <= text.length;) {
    const end = text.indexOf('\n', start);
    if (end < 0) {
      yield text.slice(start);
      return;
    }
    yield text.slice(start, end);
    start = end + 1;
  }
}

/** What all CPUs say alike; a machine is what every one of its CPUs answers. */
function agreed([first, ...others]: readonly Cpu[]): { shared: CpuidEntry[]; differing: string[] } {
  const differing = new Set<string>();
  const everywhere = new Map((first?.entries.values() ?? []).map((entry) => [entryName(entry), entry]));
  for (const { entries } of others) {
    for (const entry of entries.values()) {
      const known = everywhere.get(entryName(entry));
      if (known === undefined || !sameEntry(known, entry)) differing.add(entryName(entry));
    }
    for (const [name, { leaf, subleaf }] of everywhere)
      if (entries.find(leaf, subleaf) === undefined) differing.add(name);
  }
  return {
    shared: [...everywhere].filter(([name]) => !differing.has(name)).map(([, entry]) => entry),
    differing: [...differing].sort(),
  };
}
