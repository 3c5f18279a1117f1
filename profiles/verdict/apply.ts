/**
 * A profile put on a host: what goes to KVM_SET_CPUID2 and, as feature MSRs, to KVM_SET_MSRS, or why it cannot.
 * `new = (host & mask) | value`; a CPUID register without an adjustment becomes 0.
 */
import type { Finding } from '../model/finding.ts';
import { and32, or32 } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile } from '../model/profile.ts';
import type { Register } from '../model/registers.ts';
import type { CpuidEntry, MsrValue, Snapshot } from '../model/snapshot.ts';
import { missingEntries } from './check-cpuid.ts';
import { missingFeatureMsrs, missingRequiredMsrs } from './check-msrs.ts';
import { compileProfile, type CompiledProfile } from './compile.ts';
import { SET_REFUSED_MSRS } from './exceptions.ts';
import { indexHost, type HostIndex } from './host-index.ts';

export interface Application {
  /** One entry for each of the host's, in its order. Flags (significant index) are for whoever calls KVM. */
  readonly cpuid: readonly CpuidEntry[];
  /** The adjusted feature MSRs that the host has, rising by index. */
  readonly featureMsrs: readonly MsrValue[];
  /** What has no place on this host: CpuidEntryMissing, FeatureMsrMissing, RequiredMsrMissing, or NotObserved. */
  readonly findings: readonly Finding[];
}

/** Applies `profile` to what `snapshot` reports. Whether the host can honour it is `check`'s to say. */
export function applyProfile(profile: Profile, snapshot: Snapshot): Application {
  const host = indexHost(snapshot);
  return {
    cpuid: applyCpuid(profile, snapshot),
    featureMsrs: profile.data.featureMsrs.flatMap(({ index, mask, value }): MsrValue[] => {
      const offered = host.featureMsrs.get(index);
      if (offered === undefined || SET_REFUSED_MSRS.includes(index)) return [];
      return [{ index, value: (offered & mask) | value }];
    }),
    findings: unplaced(compileProfile(profile), snapshot, host),
  };
}

/** What the profile asks for and the host has no place for. */
export const unplaced = (profile: CompiledProfile, snapshot: Snapshot, host: HostIndex): Finding[] => [
  ...missingEntries(profile.cpuid, snapshot, host),
  ...missingFeatureMsrs(profile.msrs, snapshot, host),
  ...missingRequiredMsrs(profile.msrs, snapshot, host),
];

function applyCpuid({ data }: Profile, snapshot: Snapshot): CpuidEntry[] {
  const byRegister = new Map<string, CpuidAdjustment[]>();
  for (const adjustment of data.cpuid) {
    const key = `${adjustment.leaf}:${adjustment.register}`;
    const known = byRegister.get(key);
    if (known === undefined) byRegister.set(key, [adjustment]);
    else known.push(adjustment);
  }
  const adjusted = (entry: CpuidEntry, register: Register): number => {
    const adjustment = byRegister
      .get(`${entry.leaf}:${register}`)
      ?.find(({ subleaf, lastSubleaf }) => subleaf <= entry.subleaf && entry.subleaf <= lastSubleaf);
    return adjustment === undefined ? 0 : or32(and32(entry[register], adjustment.mask), adjustment.value);
  };
  return snapshot.cpuid.map((entry) => ({
    leaf: entry.leaf,
    subleaf: entry.subleaf,
    eax: adjusted(entry, 'eax'),
    ebx: adjusted(entry, 'ebx'),
    ecx: adjusted(entry, 'ecx'),
    edx: adjusted(entry, 'edx'),
  }));
}
