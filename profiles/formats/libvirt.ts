/**
 * `libvirt.xml`: a `<cpu>` element for a domain. libvirt knows models and features by name as QEMU does, in fewer words;
 * with check='full' it does not start a guest that would see others. Source: libvirt docs/formatdomain.rst, src/cpu_map.
 */
import { CPU_MODELS } from '../definitions/models/models.ts';
import type { BitName } from '../definitions/names/types.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import type { Profile } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import type { Consumer, FidelityFinding } from './fidelity.ts';
import type { Rendering } from './format.ts';
import { atMost, type Choice, chooseFeatures, type Vocabulary } from './named-features.ts';
import { guestFindings } from './qemu-fidelity.ts';
import { QemuGuest } from './qemu-guest.ts';
import { migration, physicalBits, signatureOf, wholeProfile } from './qemu.ts';

const FILE = 'libvirt.xml';
const CONSUMER = 'QEMU under libvirt';

const CONSUMERS: readonly Consumer[] = [
  {
    name: 'libvirt with QEMU',
    honours: { cpuid: true, featureMsrs: true, requiredMsrs: false, filter: false },
    source: 'libvirt/libvirt, src/cpu and src/qemu, 9.10; features with a name only',
  },
];

const VENDORS: Readonly<Record<Vendor, string>> = { intel: 'Intel', amd: 'AMD' };

/** libvirt hands its names on to QEMU, so both must know one; 9.10 and 7.2 are the oldest whose names were read. */
const spelled = ({ libvirt, libvirtNewer, qemuSince }: BitName): string | undefined =>
  libvirtNewer === true || qemuSince === undefined || !atMost(qemuSince, '7.2') ? undefined : libvirt;

const VOCABULARY: Vocabulary = {
  nameOf: spelled,
  models: CPU_MODELS.filter(({ libvirt, since }) => libvirt !== undefined && atMost(since, '7.2')),
  believes: ({ libvirt }, row, qemuHasIt) => {
    const name = spelled(row) ?? '';
    // libvirt's models list no VMX features at all.
    if (libvirt?.lacks.includes(name) === true || 'msr' in row.place) return false;
    return libvirt?.has.includes(name) === true || qemuHasIt;
  },
};

/** `libvirt.xml` of `profile`, and what gets lost on the way. */
export function renderLibvirt(profile: Profile): Rendering {
  const choice = chooseFeatures(profile, VOCABULARY);
  const physical = physicalBits(profile.data);
  const lines = [
    "<cpu mode='custom' match='exact' check='full'>",
    `  <model fallback='forbid'>${choice.model.libvirt?.name ?? choice.model.name}</model>`,
    `  <vendor>${VENDORS[profile.vendor]}</vendor>`,
    ...(physical === 'host' ? ["  <maxphysaddr mode='passthrough'/>"] : []),
    ...(typeof physical === 'number' ? [`  <maxphysaddr mode='emulate' bits='${physical}'/>`] : []),
    ...[...choice.stated].map(
      ([name, on]) => `  <feature policy='${on ? 'require' : 'disable'}' name='${name}'/>`,
    ),
    '</cpu>',
  ];
  const findings = [
    ...wholeProfile(CONSUMER, profile),
    versionNeeded(choice),
    ...migration(CONSUMER, choice),
    ...guestFindings({
      consumer: CONSUMER,
      version: '7.2',
      data: profile.data,
      guest: guestOf(profile, choice),
      definitions: definitionsFor(profile.vendor),
    }),
  ];
  return { files: { [FILE]: `${lines.join('\n')}\n` }, consumers: CONSUMERS, findings };
}

/** Of levels, signature and brand string libvirt says nothing: they are the model's. */
const guestOf = ({ vendor, data }: Profile, { model, features }: Choice): QemuGuest =>
  new QemuGuest(features, {
    vendor,
    level: model.levelRaised,
    xlevel: model.xlevelRaised,
    signature: signatureOf(model),
    brand: model.modelId,
    physicalBits: physicalBits(data),
    avx10Version: 0,
  });

/** The oldest libvirt whose names were read has no features in VMX's MSRs. */
function versionNeeded({ stated }: Choice): FidelityFinding {
  const nested = [...stated.keys()].some((name) => name.startsWith('vmx-'));
  const version = nested ? '9.10' : '9.0';
  return {
    code: 'ConsumerVersionNeeded',
    severity: 'note',
    where: {},
    name: `libvirt ${version}, QEMU 7.2`,
    message: `libvirt ${version} and QEMU 7.2 and later know every name in the element`,
  };
}
