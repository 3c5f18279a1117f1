import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { VENDOR_STRINGS } from '../../model/registers.ts';
import { bitsOf, toHex } from '../../model/numbers.ts';
import { BIT_NAMES, bitsOfLibvirtName, bitsOfQemuName, cpuidBitName, msrBitName } from '../names/names.ts';
import { ABI_LEVELS } from './abi-levels.ts';
import { CPU_MODELS, cpuModel } from './models.ts';
import type { CpuModel } from './types.ts';

describe('the models', () => {
  it('are 72 versions of 21 models, each once, versions in order', () => {
    expect(CPU_MODELS).toHaveLength(72);
    expect(new Set(CPU_MODELS.map(({ name }) => name)).size).toBe(21);
    const names = CPU_MODELS.flatMap(({ id, aliases }) => [id, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const [i, { name, version, id }] of CPU_MODELS.entries()) {
      const before = CPU_MODELS[i - 1];
      expect(version, id).toBe(before?.name === name ? before.version + 1 : 1);
      expect(id).toBe(`${name}-v${version}`);
    }
  });

  it('are found by version, alias and bare name', () => {
    expect(cpuModel('Skylake-Server-v3')?.aliases).toEqual(['Skylake-Server-noTSX-IBRS']);
    expect(cpuModel('Skylake-Server-noTSX-IBRS')?.version).toBe(3);
    expect(cpuModel('EPYC-Milan')?.version).toBe(1);
    expect(cpuModel('host')).toBeUndefined();
  });

  it('show bits that have a name, and AMD its copies of leaf 1', () => {
    const copies = 0x0183_f3ff;
    for (const { id, vendor, cpuid, msrs } of CPU_MODELS) {
      for (const { leaf, subleaf, register, value } of cpuid) {
        const extended = vendor === 'amd' && leaf === 0x8000_0001 && register === 'edx';
        for (const bit of bitsOf(value)) {
          const named = (cpuidBitName(leaf, subleaf, register, bit)?.qemu.length ?? 0) > 0;
          const copied = extended && ((copies >>> bit) & 1) === 1;
          expect(named || copied, `${id} ${toHex(leaf)}.${subleaf}:${register}[${bit}]`).toBe(true);
        }
      }
      const arch = msrs.find(({ index }) => index === 0x10a)?.value ?? 0n;
      for (const bit of bitsOf(arch)) expect(msrBitName(0x10a, bit), `${id} 0x10a[${bit}]`).toBeDefined();
    }
  });

  it('have the state components that their features own', () => {
    const has = ({ cpuid }: Pick<CpuModel, 'cpuid'>, place: (typeof BIT_NAMES)[number]['place']): boolean =>
      !('msr' in place) &&
      cpuid.some(
        ({ leaf, subleaf, register, value }) =>
          leaf === place.leaf &&
          subleaf === place.subleaf &&
          register === place.register &&
          ((value >>> place.bit) & 1) === 1,
      );
    for (const model of [...CPU_MODELS, ...ABI_LEVELS.map((level) => ({ ...level, xss: 0 }))]) {
      const owned = BIT_NAMES.filter((row) => row.ownsXsave && has(model, row.place)).flatMap(
        ({ xsave }) => xsave,
      );
      expect(bitsOf(BigInt(model.xcr0) | BigInt(model.xss)), model.id).toEqual(
        [...owned].sort((left, right) => left - right),
      );
    }
  });

  it("differ from libvirt's models in names that exist", () => {
    for (const { id, libvirt } of CPU_MODELS)
      for (const name of [...(libvirt?.lacks ?? []), ...(libvirt?.has ?? [])])
        expect(bitsOfLibvirtName(name), `${id} ${name}`).toHaveLength(1);
  });
});

describe('the levels of the psABI', () => {
  it('contain each other, and their names are their bits', () => {
    expect(ABI_LEVELS.map(({ id }) => id)).toEqual(['x86-64', 'x86-64-v2', 'x86-64-v3', 'x86-64-v4']);
    for (const [i, level] of ABI_LEVELS.entries()) {
      const names = level.cpuid.flatMap(({ leaf, subleaf, register, value }) =>
        bitsOf(value).map((bit) => cpuidBitName(leaf, subleaf, register, bit)?.qemu[0]),
      );
      expect([...names].sort()).toEqual([...level.names].sort());
      for (const name of level.names) expect(bitsOfQemuName(name)).toHaveLength(1);
      const before = ABI_LEVELS[i - 1]?.names ?? [];
      expect(level.names).toEqual(expect.arrayContaining([...before]));
      expect(level.names.length).toBeGreaterThan(before.length);
    }
  });
});

const FACTS = join(import.meta.dirname, '../../../../shared/facts/cpu-models.json');
const register = z.object({ leaf: z.string(), subleaf: z.number(), register: z.string(), value: z.string() });
const facts = z.object({
  abi_levels: z.array(
    z.object({ id: z.string(), names: z.array(z.string()), xcr0: z.string(), cpuid: z.array(register) }),
  ),
  models: z.array(
    z.object({
      id: z.string(),
      aliases: z.array(z.string()),
      note: z.string().nullable(),
      vendor: z.string(),
      family: z.number(),
      model: z.number(),
      stepping: z.number(),
      level: z.string(),
      level_raised: z.string(),
      xlevel: z.string(),
      xlevel_raised: z.string(),
      model_id: z.string(),
      xcr0: z.string(),
      xss: z.string(),
      avx10_version: z.number().optional(),
      cpuid: z.array(register),
      msrs: z.array(z.object({ msr: z.string(), value: z.string(), host_bits: z.string().default('0x0') })),
      libvirt: z
        .array(z.object({ name: z.string(), lacks: z.array(z.string()), has: z.array(z.string()) }))
        .optional(),
      source: z.string(),
    }),
  ),
});

describe.skipIf(!existsSync(FACTS))('against the published figures', () => {
  const published = existsSync(FACTS)
    ? facts.parse(JSON.parse(readFileSync(FACTS, 'utf8')))
    : { abi_levels: [], models: [] };
  const words = (rows: z.infer<typeof register>[]): string[] =>
    rows
      .filter(({ value }) => Number(value) !== 0)
      .map(
        ({ leaf, subleaf, register: name, value }) =>
          `${Number(leaf)}.${subleaf}:${name.toLowerCase()}=${Number(value)}`,
      )
      .sort();
  const ourWords = (rows: CpuModel['cpuid']): string[] =>
    rows.map(({ leaf, subleaf, register: name, value }) => `${leaf}.${subleaf}:${name}=${value}`).sort();

  it('every model says the same', () => {
    const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).sort();
    expect(ids(CPU_MODELS)).toEqual(ids(published.models));
    for (const theirs of published.models) {
      const ours = cpuModel(theirs.id);
      expect(
        ours && {
          aliases: ours.aliases,
          note: ours.note ?? null,
          vendor: VENDOR_STRINGS[ours.vendor],
          signature: [ours.family, ours.model, ours.stepping],
          levels: [ours.level, ours.levelRaised, ours.xlevel, ours.xlevelRaised],
          modelId: ours.modelId,
          components: [ours.xcr0, ours.xss],
          avx10: ours.avx10Version,
          cpuid: ourWords(ours.cpuid),
          msrs: ours.msrs.map(({ index, value, hostBits }) => [index, value, hostBits]).sort(),
          libvirt: ours.libvirt,
          new: ours.since === '11.1',
        },
        theirs.id,
      ).toEqual({
        aliases: theirs.aliases,
        note: theirs.note,
        vendor: theirs.vendor,
        signature: [theirs.family, theirs.model, theirs.stepping],
        levels: [theirs.level, theirs.level_raised, theirs.xlevel, theirs.xlevel_raised].map(Number),
        modelId: theirs.model_id,
        components: [Number(theirs.xcr0), Number(theirs.xss)],
        avx10: theirs.avx10_version,
        cpuid: words(theirs.cpuid),
        msrs: theirs.msrs
          .filter(({ value }) => BigInt(value) !== 0n)
          .map(({ msr, value, host_bits }) => [Number(msr), BigInt(value), BigInt(host_bits)])
          .sort(),
        libvirt: theirs.libvirt?.[0],
        new: theirs.source.startsWith('newer'),
      });
    }
  });

  it('every level says the same', () => {
    expect(
      ABI_LEVELS.map(({ id, names, xcr0, cpuid }) => [id, [...names].sort(), xcr0, ourWords(cpuid)]),
    ).toEqual(
      published.abi_levels.map(({ id, names, xcr0, cpuid }) => [
        id,
        [...names].sort(),
        Number(xcr0),
        words(cpuid),
      ]),
    );
  });
});
