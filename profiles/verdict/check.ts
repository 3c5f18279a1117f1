/** Can this host honour that profile: the one answer that labels, counts, pages and exit codes are made of. */
import type { Compatible, Finding, FindingCode, Verdict } from '../model/finding.ts';
import type { Profile } from '../model/profile.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { unplaced } from './apply.ts';
import { compareCpuid } from './check-cpuid.ts';
import { incompleteSource, missingCapabilities, vendorMismatch } from './check-host.ts';
import { compareMsrs } from './check-msrs.ts';
import { compileProfile } from './compile.ts';
import { indexHost } from './host-index.ts';

/**
 * The verdict on `profile` and the host behind `snapshot`. No has at least one error; Unknown has a NotObserved
 * warning and no error; Yes needs KVM's own complete answer and holds notes at most. Errors come first. In a finding
 * `profile` and `host` are the whole registers where bits are missing or unwanted (the relations subset and superset),
 * and the two values of the field where numbers are compared (at-most and equal).
 */
export function check(profile: Profile, snapshot: Snapshot): Verdict {
  if (profile.vendor !== snapshot.vendor) return verdictOf([vendorMismatch(profile, snapshot)]);
  const compiled = compileProfile(profile);
  const host = indexHost(snapshot);
  return verdictOf([
    ...compareMsrs(compiled.msrs, snapshot, host),
    ...compareCpuid(compiled.cpuid, snapshot, host),
    ...missingCapabilities(compiled, snapshot),
    ...unplaced(compiled, snapshot, host),
    ...incompleteSource(snapshot),
  ]);
}

const SEVERITIES = { error: 0, warning: 10, note: 20 } as const;
const CODES: Readonly<Partial<Record<FindingCode, number>>> = {
  CpuidBitsMissing: 0,
  CpuidBitsUnwanted: 0,
  MsrBitsMissing: 0,
  MsrBitsUnwanted: 0,
  CpuidValueTooLow: 1,
  CpuidValueDiffers: 1,
  MsrValueTooLow: 1,
  MsrValueDiffers: 1,
};

/** Errors first; among them what is missing or surplus, bit by bit, before what is too low, different or absent as a whole. */
const rank = ({ severity, code }: Finding): number => SEVERITIES[severity] + (CODES[code] ?? 2);

function verdictOf(findings: Finding[]): Verdict {
  findings.sort((left, right) => rank(left) - rank(right));
  return { compatible: answer(findings), findings };
}

function answer([worst]: readonly Finding[]): Compatible {
  switch (worst?.severity) {
    case 'error':
      return 'No';
    case 'warning':
      return 'Unknown';
    case 'note':
    case undefined:
      return 'Yes';
  }
}
