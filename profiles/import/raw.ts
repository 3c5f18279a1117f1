/** What an observation with the CPUID instruction never tells about KVM. */
import type { Capabilities } from '../model/snapshot.ts';

/** The object has no third value. A snapshot that is not KVM's complete answer is never held against a need of KVM. */
export const UNKNOWN_CAPABILITIES: Capabilities = { msrFilter: false, userSpaceMsr: false, nested: false };

export const CAPABILITIES_NOT_KNOWN =
  "KVM's capabilities (MSR filter, user-space MSR exits, nesting): they stand as false and count as not observed";

export const RAW_NOT_KNOWN: readonly string[] = [
  'what KVM offers to guests: this is the bare CPU, and KVM hides, emulates and adds',
  "feature MSRs and KVM's list of MSRs: absent, not empty",
  CAPABILITIES_NOT_KNOWN,
];

/** Leaves that no CPU answers, only a hypervisor. Intel SDM vol. 2A, CPUID: 0x40000000 to 0x4fffffff. */
export const isHypervisorLeaf = (leaf: number): boolean => leaf >>> 28 === 0x4;
