/** How the models are written down: a version says what it changes of the version before it. */
import { REGISTERS, type Vendor } from '../../model/registers.ts';
import type { QemuVersion } from '../names/types.ts';
import type { AbiLevel, CpuModel, ModelMsr, ModelRegister } from './types.ts';

/** Lists are words separated by spaces; a register is `leaf.subleaf:register=value`, an MSR `index=value`. */
export interface ModelRow {
  readonly id: string;
  readonly since: QemuVersion;
  readonly aliases?: string;
  readonly note?: string;
  readonly libvirt?: { readonly name: string; readonly lacks?: string; readonly has?: string };
  // Absent from here on: as in the version before.
  readonly signature?: readonly [family: number, model: number, stepping: number];
  readonly level?: number;
  readonly levelRaised?: number;
  readonly xlevel?: number;
  readonly xlevelRaised?: number;
  readonly modelId?: string;
  readonly xcr0?: number;
  readonly xss?: number;
  readonly avx10Version?: number;
  readonly cpuid?: string;
  readonly msrs?: string;
}

const words = (text = ''): string[] => text.split(' ').filter((word) => word !== '');

function pair(word: string): readonly [string, string] {
  const [left, right] = word.split('=');
  if (left === undefined || right === undefined) throw new Error(`a model says ${word}`);
  return [left, right];
}

function register(word: string): ModelRegister {
  const [place, value] = pair(word);
  const [, leaf, subleaf, name] = /^(0x[0-9a-f]+)\.(\d+):(e[abcd]x)$/.exec(place) ?? [];
  const known = REGISTERS.find((candidate) => candidate === name);
  if (leaf === undefined || subleaf === undefined || known === undefined)
    throw new Error(`a model says ${word}`);
  return { leaf: Number(leaf), subleaf: Number(subleaf), register: known, value: Number(value) };
}

/** The bits of these that QEMU leaves to KVM: VMCS revision and region, INVLPG and VMWRITE details, EPT memory types. */
export const HOST_BITS: ReadonlyMap<number, bigint> = new Map([
  [0x480, 0x003c_1fff_7fff_ffffn],
  [0x485, 0x0e00_001fn],
  [0x48c, 0x4100n],
]);

function msr(word: string): ModelMsr {
  const [index, value] = pair(word);
  return { index: Number(index), value: BigInt(value), hostBits: HOST_BITS.get(Number(index)) ?? 0n };
}

/** `changes` over `known`; what becomes 0 is left out, as nothing of it is the model's. */
function over<T extends { readonly value: number | bigint }>(
  known: readonly T[],
  changes: readonly T[],
  same: (left: T, right: T) => boolean,
): T[] {
  const kept = known.filter((row) => !changes.some((change) => same(row, change)));
  return [...kept, ...changes].filter(({ value }) => BigInt(value) !== 0n);
}

/** The versions of models of one vendor, in order. */
export function modelRows(vendor: Vendor, rows: readonly ModelRow[]): CpuModel[] {
  const result: CpuModel[] = [];
  for (const row of rows) {
    const [, name, version] = /^(.+)-v(\d+)$/.exec(row.id) ?? [];
    if (name === undefined) throw new Error(`a model is called ${row.id}`);
    const last = result.at(-1);
    const before = last?.name === name ? last : undefined;
    const level = row.level ?? before?.level ?? 0;
    const xlevel = row.xlevel ?? before?.xlevel ?? 0;
    const avx10Version = row.avx10Version ?? before?.avx10Version;
    const [family, model, stepping] = row.signature ?? [before?.family, before?.model, before?.stepping];
    result.push({
      id: row.id,
      name,
      version: Number(version),
      aliases: words(row.aliases),
      since: row.since,
      ...(row.note !== undefined && { note: row.note }),
      vendor,
      family: family ?? 0,
      model: model ?? 0,
      stepping: stepping ?? 0,
      level,
      levelRaised: row.levelRaised ?? before?.levelRaised ?? level,
      xlevel,
      xlevelRaised: row.xlevelRaised ?? before?.xlevelRaised ?? xlevel,
      modelId: row.modelId ?? before?.modelId ?? '',
      xcr0: row.xcr0 ?? before?.xcr0 ?? 0,
      xss: row.xss ?? before?.xss ?? 0,
      ...(avx10Version !== undefined && { avx10Version }),
      cpuid: over(
        before?.cpuid ?? [],
        words(row.cpuid).map(register),
        (left, right) =>
          left.leaf === right.leaf && left.subleaf === right.subleaf && left.register === right.register,
      ),
      msrs: over(before?.msrs ?? [], words(row.msrs).map(msr), (left, right) => left.index === right.index),
      ...(row.libvirt !== undefined && {
        libvirt: {
          name: row.libvirt.name,
          lacks: words(row.libvirt.lacks),
          has: words(row.libvirt.has),
        },
      }),
    });
  }
  return result;
}

/** The levels, lowest first. */
export const levelRows = (
  rows: readonly { id: string; names: string; xcr0: number; cpuid: string }[],
): AbiLevel[] =>
  rows.map(({ id, names, xcr0, cpuid }) => ({
    id,
    names: words(names),
    xcr0,
    cpuid: words(cpuid).map(register),
  }));
