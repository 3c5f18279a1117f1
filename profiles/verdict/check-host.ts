/** What a verdict says of the host as a whole: its vendor, its KVM's capabilities, and how it was looked at. */
import type { Finding } from '../model/finding.ts';
import { toHex } from '../model/numbers.ts';
import type { Profile } from '../model/profile.ts';
import { VENDOR_STRINGS, type Vendor } from '../model/registers.ts';
import type { Capabilities, Snapshot } from '../model/snapshot.ts';
import type { CompiledProfile } from './compile.ts';
import { notObserved } from './findings.ts';

/** Leaf 0 EBX, the first four bytes of the vendor's name, as a number. */
const vendorWord = (vendor: Vendor): string =>
  toHex([3, 2, 1, 0].reduce((word, i) => word * 256 + VENDOR_STRINGS[vendor].charCodeAt(i), 0));

export const vendorMismatch = (profile: Profile, snapshot: Snapshot): Finding => ({
  code: 'VendorMismatch',
  severity: 'error',
  where: {},
  bits: [],
  name: 'vendor',
  class: 'identity',
  relation: 'equal',
  profile: vendorWord(profile.vendor),
  host: vendorWord(snapshot.vendor),
  message: `The profile is for ${VENDOR_STRINGS[profile.vendor]} and this host is ${VENDOR_STRINGS[snapshot.vendor]}: no guest moves between the two.`,
});

interface Need {
  readonly capability: keyof Capabilities;
  readonly class: Finding['class'];
  readonly why: string;
  readonly remedy: string;
}

const NESTING: Need = {
  capability: 'nested',
  class: 'virtualization',
  why: 'The profile shows guests virtualization of their own',
  remedy: 'load kvm_intel or kvm_amd with nested=1, or take a profile with options.nested: false',
};
const MSR_FILTER: Need = {
  capability: 'msrFilter',
  class: 'virtualization',
  why: 'The profile keeps MSRs from guests with a filter',
  remedy: 'it takes a kernel with KVM_CAP_X86_MSR_FILTER (5.10), or filter.mode: none',
};

/** Capabilities of KVM that the profile needs and the host does not have, or is not known to have. */
export function missingCapabilities(profile: CompiledProfile, snapshot: Snapshot): Finding[] {
  const needs = [...(profile.needsNesting ? [NESTING] : []), ...(profile.needsMsrFilter ? [MSR_FILTER] : [])];
  return needs
    .filter(({ capability }) => !snapshot.capabilities[capability])
    .map(({ capability, class: class_, why, remedy }): Finding => {
      const about = { where: {}, name: capability, class: class_, profile: '0x1' };
      if (snapshot.source !== 'kvm' || snapshot.partial) {
        return notObserved(about, `${why}; whether KVM on this host can do that was not observed.`);
      }
      return {
        ...notObserved(about, `${why}; KVM on this host cannot do that: ${remedy}.`),
        code: 'CapabilityMissing',
        severity: 'error',
      };
    });
}

const SEEN_BY: Record<Exclude<Snapshot['source'], 'kvm'>, string> = {
  guest: 'was taken inside a guest, which sees what its VMM let through',
  raw: 'was taken with the CPUID instruction, and KVM hides, emulates and adds',
};

/** A snapshot that is not KVM's complete answer can refute a profile, never confirm it. */
export function incompleteSource({ source, partial }: Snapshot): Finding[] {
  if (source !== 'kvm') {
    return [
      notObserved(
        { where: {}, name: 'source', class: 'isa' },
        `The snapshot ${SEEN_BY[source]}: it can tell No, never Yes.`,
      ),
    ];
  }
  if (!partial) return [];
  return [
    notObserved(
      { where: {}, name: 'partial', class: 'isa' },
      'The snapshot is partial, so what it leaves out says nothing: it can tell No, never Yes.',
    ),
  ];
}
