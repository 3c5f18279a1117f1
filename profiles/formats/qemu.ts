/**
 * `qemu.args`: the value of QEMU's `-cpu`. A named model and the features that make it the profile, with `enforce`, so that
 * QEMU does not start where the host cannot give one of them. Source: QEMU docs/system/i386/cpu.rst, target/i386/cpu.c.
 */
import { definitionsFor } from '../definitions/definitions.ts';
import type { CpuModel } from '../definitions/models/types.ts';
import { QEMU_VERSIONS, type QemuVersion } from '../definitions/names/types.ts';
import { bitsOfQemuName } from '../definitions/names/names.ts';
import { brandIn } from '../make/brand.ts';
import { toHex } from '../model/numbers.ts';
import type { Profile, ProfileData } from '../model/profile.ts';
import { type Register, VENDOR_STRINGS } from '../model/registers.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import type { Consumer, FidelityFinding } from './fidelity.ts';
import type { Rendering } from './format.ts';
import { atMost, type Choice, chooseFeatures, qemuVocabulary } from './named-features.ts';
import { guestFindings } from './qemu-fidelity.ts';
import { type GuestIdentity, QemuGuest } from './qemu-guest.ts';

const FILE = 'qemu.args';

const CONSUMERS: readonly Consumer[] = [
  {
    name: 'QEMU',
    honours: { cpuid: true, featureMsrs: true, requiredMsrs: false, filter: false },
    source: 'qemu/qemu, target/i386/cpu.c and target/i386/kvm, 7.2 and 10.1; features with a name only',
  },
];

/**
 * `qemu.args` of `profile`, and what gets lost on the way. The string keeps to names that `version` and every later QEMU
 * know: with the oldest one it is the same CPU on a fleet of many versions.
 */
export function renderQemu(profile: Profile, version: QemuVersion = QEMU_VERSIONS[0]): Rendering {
  const choice = chooseFeatures(profile, qemuVocabulary(version));
  const words = [
    choice.model.id,
    'enforce',
    ...propertiesOf(profile, version).map(([name, value]) => `${name}=${value}`),
    ...[...choice.stated].map(([name, on]) => `${name}=${on ? 'on' : 'off'}`),
  ];
  const findings = [
    ...wholeProfile('QEMU', profile),
    versionNeeded(version),
    ...migration('QEMU', choice),
    ...guestFindings({
      consumer: 'QEMU',
      version,
      data: profile.data,
      guest: guestOf(profile, choice, version),
      definitions: definitionsFor(profile.vendor),
    }),
  ];
  return { files: { [FILE]: `${words.join(',')}\n` }, consumers: CONSUMERS, findings };
}

/** What a guest sees that QEMU starts with the string of `profile`. */
export const qemuGuest = (profile: Profile, version: QemuVersion = QEMU_VERSIONS[0]): QemuGuest =>
  guestOf(profile, chooseFeatures(profile, qemuVocabulary(version)), version);

const guestOf = (profile: Profile, choice: Choice, version: QemuVersion): QemuGuest =>
  new QemuGuest(choice.features, identityOf(profile, choice, version));

const fixedWord = (
  data: ProfileData,
  leaf: number,
  subleaf: number,
  register: Register,
): number | undefined => {
  const entry = adjustmentAt(data, leaf, subleaf, register);
  return entry?.mask === 0 ? entry.value : undefined;
};

/** What has a property of its own. */
function propertiesOf({ vendor, data }: Profile, version: QemuVersion): (readonly [string, string])[] {
  const signature = fixedWord(data, 0x1, 0, 'eax');
  const brand = brandIn(data);
  const { family, model, stepping } = signatureParts(signature ?? 0);
  const lastOf7 = fixedWord(data, 0x7, 0, 'eax');
  const avx10 = avx10Of(data, version);
  const physical = physicalBits(data);
  const microcode = microcodeOf(data);
  const properties: [string, string | undefined][] = [
    ['vendor', VENDOR_STRINGS[vendor]],
    ['family', signature === undefined ? undefined : `${family}`],
    ['model', signature === undefined ? undefined : `${model}`],
    ['stepping', signature === undefined ? undefined : `${stepping}`],
    ['model-id', brand === undefined || !isSayable(brand) ? undefined : brand],
    ['level', hexOf(fixedWord(data, 0x0, 0, 'eax'))],
    ['xlevel', hexOf(fixedWord(data, 0x8000_0000, 0, 'eax'))],
    ['level-func7', hexOf(lastOf7)],
    ['avx10-version', avx10 === 0 ? undefined : `${avx10}`],
    ['host-phys-bits', physical === 'host' ? 'on' : undefined],
    ['phys-bits', typeof physical === 'number' ? `${physical}` : undefined],
    ['ucode-rev', hexOf(microcode)],
  ];
  return properties.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

/** 0x24.0:EBX[7:0], which has a property since AVX10 has names. */
const avx10Of = (data: ProfileData, version: QemuVersion): number =>
  atMost('10.1', version) ? (fixedWord(data, 0x24, 0, 'ebx') ?? 0) & 0xff : 0;

const hexOf = (value: number | bigint | undefined): string | undefined =>
  value === undefined ? undefined : toHex(value);

/** Printable, and without the comma that ends a property. */
const isSayable = (brand: string): boolean => /^[\x20-\x2b\x2d-\x7e]+$/.test(brand);

/** 80000008:EAX[7:0]: the host's where the profile leaves them to it, a number where it fixes them. */
export function physicalBits(data: ProfileData): number | 'host' | 'default' {
  const entry = adjustmentAt(data, 0x8000_0008, 0, 'eax');
  const mask = (entry?.mask ?? 0) & 0xff;
  if (mask === 0xff) return 'host';
  const value = (entry?.value ?? 0) & 0xff;
  // QEMU takes 32 to 52 for 64-bit models and refuses everything else.
  return mask === 0 && 32 <= value && value <= 52 ? value : 'default';
}

/** MSR 0x8b, where the profile fixes all of it to something. */
function microcodeOf({ featureMsrs }: ProfileData): bigint | undefined {
  const entry = featureMsrs.find(({ index }) => index === 0x8b);
  return entry?.mask === 0n && entry.value !== 0n ? entry.value : undefined;
}

/** Family, model and stepping of leaf 1 EAX as QEMU counts them. Intel SDM vol. 2A, CPUID; AMD APM vol. 3, E.3.2. */
function signatureParts(eax: number): { family: number; model: number; stepping: number } {
  const base = (eax >>> 8) & 0xf;
  return {
    family: base === 0xf ? base + ((eax >>> 20) & 0xff) : base,
    model: ((eax >>> 4) & 0xf) | (((eax >>> 16) & 0xf) << 4),
    stepping: eax & 0xf,
  };
}

/** The reverse, as QEMU does it (x86_cpuid_version_set_family and its neighbours). */
export function signatureOf({
  family,
  model,
  stepping,
}: Pick<CpuModel, 'family' | 'model' | 'stepping'>): number {
  const families = family > 0xf ? 0xf00 | ((family - 0xf) << 20) : family << 8;
  return (families | ((model & 0xf) << 4) | ((model >>> 4) << 16) | stepping) >>> 0;
}

/** What QEMU is told, and for the rest what its model says. */
function identityOf({ vendor, data }: Profile, { model }: Choice, version: QemuVersion): GuestIdentity {
  const signature = fixedWord(data, 0x1, 0, 'eax');
  const brand = brandIn(data);
  const lastSubleafOf7 = fixedWord(data, 0x7, 0, 'eax');
  const microcode = microcodeOf(data);
  return {
    vendor,
    level: fixedWord(data, 0x0, 0, 'eax') ?? model.levelRaised,
    xlevel: fixedWord(data, 0x8000_0000, 0, 'eax') ?? model.xlevelRaised,
    signature: signatureOf(signature === undefined ? model : signatureParts(signature)),
    brand: brand !== undefined && isSayable(brand) ? brand : model.modelId,
    physicalBits: physicalBits(data),
    ...(lastSubleafOf7 !== undefined && { lastSubleafOf7 }),
    ...(microcode !== undefined && { microcode }),
    avx10Version: avx10Of(data, version),
  };
}

/** What no `-cpu` says, whatever the profile holds. */
export function wholeProfile(consumer: string, { data, filter }: Profile): FidelityFinding[] {
  const result: FidelityFinding[] = [
    {
      code: 'HostBitsNotExpressible',
      severity: 'note',
      where: {},
      name: 'caches, topology, timers',
      message: `${consumer} fills the registers behind them from its model and its own options, not from the host`,
    },
  ];
  if (data.requiredMsrs.length > 0) {
    result.push({
      code: 'RequiredMsrsNotExpressible',
      severity: 'warning',
      where: {},
      name: `${data.requiredMsrs.length} required MSRs`,
      message: `${consumer} asks no host for an MSR: choose the host by its label`,
    });
  }
  if (filter !== 'none') {
    result.push({
      code: 'FilterNotApplied',
      severity: 'warning',
      where: {},
      name: filter,
      message: `${consumer} takes no MSR filter (it sets one for its own needs only): a guest reaches MSRs that the profile does not permit`,
    });
  }
  return result;
}

const versionNeeded = (version: QemuVersion): FidelityFinding => ({
  code: 'ConsumerVersionNeeded',
  severity: 'note',
  where: {},
  name: `QEMU ${version}`,
  message: `QEMU ${version} and later know every name in the string`,
});

/** An invariant TSC keeps the guest from moving unless its frequency is fixed as well (QEMU, tsc-frequency). */
export const migration = (consumer: string, { features }: Choice): FidelityFinding[] =>
  bitsOfQemuName('invtsc').some((row) => features.has(row))
    ? [
        {
          code: 'MigrationBlocked',
          severity: 'warning',
          where: { leaf: '0x80000007', subleaf: '0x0', register: 'edx' },
          name: 'invtsc',
          message: `${consumer} does not migrate a guest with an invariant TSC unless the frequency is set as well`,
        },
      ]
    : [];
