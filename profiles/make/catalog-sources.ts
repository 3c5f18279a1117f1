/**
 * Which named CPU models and levels get a catalogue entry, and what is said of each. The policy and its reasons:
 * docs/decisions/0004-the-catalogue-of-named-models.md.
 */
import { ABI_LEVELS } from '../definitions/models/abi-levels.ts';
import { CPU_MODELS } from '../definitions/models/models.ts';
import type { AbiLevel, CpuModel, ModelRegister } from '../definitions/models/types.ts';
import { bitsOfQemuName } from '../definitions/names/names.ts';
import type { QemuVersion } from '../definitions/names/types.ts';
import { or32 } from '../model/numbers.ts';
import type { Profile } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import { fitsTheSame } from '../verdict/fits-wherever.ts';
import { generate } from './generate.ts';
import { hostOfModel } from './model-host.ts';

/** An entry as it would be made today. Once published its data never changes. */
export interface CatalogSource {
  readonly name: string;
  readonly profile: Profile;
  /** The line of CPUs and what sets this entry apart from its neighbours. */
  readonly description: string;
  /** Where the bits stand. */
  readonly source: string;
  /** When the first CPU of the line was sold. */
  readonly year: number;
  /** The models or levels that the entry stands for: its own, then those that exactly the same hosts can honour. */
  readonly covers: readonly string[];
}

/**
 * Entries whose data was released before the rows changed: they stay as they are, and what the rows make today has a name
 * of its own.
 */
export const KEPT: readonly string[] = [];

interface Generation {
  readonly model: string;
  readonly generation: string;
  /** Of the first server CPU. */
  readonly year: number;
  readonly notes: Readonly<Record<number, string>>;
}

const GENERATIONS: readonly Generation[] = [
  { model: 'Haswell', generation: 'Haswell-EP Xeon', year: 2014, notes: {} },
  { model: 'Broadwell', generation: 'Broadwell-EP Xeon', year: 2016, notes: {} },
  { model: 'Skylake-Server', generation: 'Skylake-SP Xeon', year: 2017, notes: { 5: 'with XSAVES' } },
  {
    model: 'Cascadelake-Server',
    generation: 'Cascade Lake-SP Xeon',
    year: 2019,
    notes: { 1: 'without ARCH_CAPABILITIES', 5: 'with XSAVES' },
  },
  { model: 'Cooperlake', generation: 'Cooper Lake-SP Xeon', year: 2020, notes: { 2: 'with XSAVES' } },
  {
    model: 'Icelake-Server',
    generation: 'Ice Lake-SP Xeon',
    year: 2021,
    notes: {
      2: 'without ARCH_CAPABILITIES',
      3: 'without SHA and AVX512IFMA',
      5: 'with XSAVES',
    },
  },
  {
    model: 'SapphireRapids',
    generation: 'Sapphire Rapids Xeon',
    year: 2023,
    notes: {
      2: 'with the MMIO immunities',
      3: 'with MOVDIRI, CLDEMOTE, TSC_ADJUST',
      6: 'with ITS_NO',
    },
  },
  {
    model: 'GraniteRapids',
    generation: 'Granite Rapids Xeon',
    year: 2024,
    notes: { 2: 'with AVX10 and MOVDIRI', 5: 'with ITS_NO' },
  },
  {
    model: 'SierraForest',
    generation: 'Sierra Forest Xeon',
    year: 2024,
    notes: { 2: 'with LAM and BHI_CTRL', 5: 'with ITS_NO' },
  },
  {
    model: 'ClearwaterForest',
    generation: 'Clearwater Forest Xeon',
    year: 2026,
    notes: { 3: 'with ITS_NO' },
  },
  { model: 'EPYC', generation: 'Naples EPYC (Zen)', year: 2017, notes: { 3: 'with XSAVES and CLZERO' } },
  {
    model: 'EPYC-Rome',
    generation: 'Rome EPYC (Zen 2)',
    year: 2019,
    notes: { 2: 'with IBRS and SSBD', 4: 'IBRS and SSBD, no XSAVES' },
  },
  { model: 'EPYC-Milan', generation: 'Milan EPYC (Zen 3)', year: 2021, notes: { 2: 'with VAES and PSFD' } },
  {
    model: 'EPYC-Genoa',
    generation: 'Genoa EPYC (Zen 4)',
    year: 2022,
    notes: { 2: 'with FSGS_NON_SERIALIZING' },
  },
  { model: 'EPYC-Turin', generation: 'Turin EPYC (Zen 5)', year: 2024, notes: {} },
];

/** The first CPUs of a level lend it their signature and their year. Intel SDM vol. 4, 2.1; AMD's revision guides. */
const LEVELS: Readonly<
  Record<
    Vendor,
    Readonly<
      Record<string, readonly [since: string, year: number, family: number, model: number, stepping: number]>
    >
  >
> = {
  intel: {
    'x86-64-v2': ['Nehalem', 2008, 6, 26, 3],
    'x86-64-v3': ['Haswell', 2013, 6, 60, 1],
    'x86-64-v4': ['Skylake-SP', 2017, 6, 85, 4],
  },
  // Older ones than Zen have the second level, and families of their own with workarounds in every kernel.
  amd: {
    'x86-64-v2': ['Bulldozer', 2011, 23, 1, 2],
    'x86-64-v3': ['Zen', 2017, 23, 1, 2],
    'x86-64-v4': ['Zen 4', 2022, 25, 17, 0],
  },
};

const MAKERS: Readonly<Record<Vendor, string>> = { intel: 'Intel', amd: 'AMD' };
const QEMU = 'QEMU 10.1.3, target/i386/cpu.c';
const SOURCES: Readonly<Record<QemuVersion, string>> = {
  '7.2': QEMU,
  '10.1': QEMU,
  '11.1': 'QEMU 11.1, as libvirt has it in src/cpu_map',
};

/** What every 64-bit CPU has and kernels boot with, as in QEMU's qemu64, and NX. */
const PLATFORM: readonly ModelRegister[] = [
  { leaf: 0x1, subleaf: 0, register: 'edx', value: 0x078b_fbfd },
  { leaf: 0x8000_0001, subleaf: 0, register: 'edx', value: 0x2010_0800 },
];

/** Every entry but the published ones, in the order of the tables; levels first, lowest first, Intel's before AMD's. */
export function catalogSources(): CatalogSource[] {
  return [...(['intel', 'amd'] as const).flatMap(levelSources), ...GENERATIONS.flatMap(modelSources)];
}

function levelSources(vendor: Vendor): CatalogSource[] {
  return ABI_LEVELS.flatMap((level) => {
    const known = LEVELS[vendor][level.id];
    if (known === undefined) return [];
    const [since, year, family, model, stepping] = known;
    const name = `${level.id}-${vendor}`;
    const described = { ...levelModel(level, vendor), family, model, stepping };
    return [
      {
        name,
        profile: profileOf(name, described),
        description: `${MAKERS[vendor]} from ${since}: the bare level, no speculation control`,
        source: 'x86-64 psABI, section Micro-Architecture Levels; platform bits as in QEMU 10.1.3 qemu64',
        year,
        covers: [level.id],
      },
    ];
  });
}

/** A level as a CPU that has it and nothing else. */
function levelModel(
  { id, xcr0, cpuid }: AbiLevel,
  vendor: Vendor,
): Omit<CpuModel, 'family' | 'model' | 'stepping'> {
  const rest = cpuid.filter((row) => !PLATFORM.some((each) => samePlace(each, row)));
  const both = PLATFORM.map((row) => ({
    ...row,
    value: or32(row.value, cpuid.find((each) => samePlace(each, row))?.value ?? 0),
  }));
  return {
    id,
    name: id,
    version: 1,
    aliases: [],
    since: '7.2',
    vendor,
    level: 0xd,
    levelRaised: 0xd,
    xlevel: 0x8000_0008,
    xlevelRaised: 0x8000_0008,
    modelId: id,
    xcr0,
    xss: 0,
    cpuid: [...both, ...rest],
    msrs: [],
  };
}

const samePlace = (left: ModelRegister, right: ModelRegister): boolean =>
  left.leaf === right.leaf && left.subleaf === right.subleaf && left.register === right.register;

/** One entry for each group of versions that exactly the same hosts can honour. */
function modelSources({ model: family, generation, year, notes }: Generation): CatalogSource[] {
  const groups: { first: Made; covers: Made[] }[] = [];
  for (const model of CPU_MODELS.filter(({ name }) => name === family)) {
    if (!has(model, SPECULATION_CONTROL[model.vendor])) continue;
    const made = { model, profile: profileOf(model.id.toLowerCase(), model) };
    const group = groups.find(({ first }) => fitsTheSame(first.profile, made.profile));
    if (group === undefined) groups.push({ first: made, covers: [made] });
    else group.covers.push(made);
  }
  return groups.map(({ first, covers }) => {
    // Profiles never show TSX, so the version that is made without it is the one they are like.
    const { model, profile } = covers.find((each) => !has(each.model, TSX)) ?? first;
    const others = covers.filter((each) => each.model !== model);
    return {
      name: model.id.toLowerCase(),
      profile,
      description: [generation, ...(notes[model.version] === undefined ? [] : [notes[model.version]])].join(
        ', ',
      ),
      source: `${SOURCES[model.since]}, model ${model.id}`,
      year,
      covers: [model.id, ...others.map((each) => each.model.id)],
    };
  });
}

interface Made {
  readonly model: CpuModel;
  readonly profile: Profile;
}

const TSX = 'rtm';
const SPECULATION_CONTROL: Readonly<Record<Vendor, string>> = { intel: 'spec-ctrl', amd: 'ibpb' };

/** Whether a model has a CPUID feature, by QEMU's name. */
const has = (model: CpuModel, name: string): boolean =>
  bitsOfQemuName(name).some(
    ({ place }) =>
      'leaf' in place &&
      model.cpuid.some(
        (row) => samePlace(row, { ...place, value: 0 }) && ((row.value >>> place.bit) & 1) === 1,
      ),
  );

function profileOf(name: string, model: CpuModel): Profile {
  const { vendor, data } = generate(name, hostOfModel(model));
  return { vendor, data, filter: 'closed' };
}
