/**
 * What a profile makes guests believe about hardware defects, held against the hosts it is meant for. A wrong claim is no
 * missing instruction: guests run, and leave out a defence that they need.
 */
import type { FindingCode, Relation, Where } from '../model/finding.ts';
import type { Profile } from '../model/profile.ts';
import { snapshotName, type Snapshot } from '../model/snapshot.ts';
import { check } from './check.ts';
import { placeText } from './findings.ts';

/** A claim of a profile that some host does not bear out. */
export interface ImmunityClaim {
  /** Claimed and not there: an immunity or a mitigation. Or denied and there: a defect. */
  readonly code: 'ImmunityNotOffered' | 'DefectNotAdmitted';
  readonly severity: 'error';
  readonly where: Where;
  readonly bits: readonly number[];
  readonly name: string;
  /** Names of the hosts that lack it, or have the defect, sorted. */
  readonly snapshots: readonly string[];
  readonly message: string;
}

/** Codes of `check` that are about bits; what is not observed claims nothing. */
const BITS: readonly FindingCode[] = [
  'CpuidBitsMissing',
  'CpuidBitsUnwanted',
  'CpuidEntryMissing',
  'MsrBitsMissing',
  'MsrBitsUnwanted',
  'MsrValueDiffers',
  'FeatureMsrMissing',
];

/**
 * Every mitigation bit (`*_NO`, FB_CLEAR, MD_CLEAR, RRSBA, the controls of IA32_SPEC_CTRL …) that `profile` claims and one
 * of `snapshots` contradicts, by place. Hosts of the other vendor count for nothing. Findings of other classes are `check`'s.
 */
export function immunityClaims(profile: Profile, snapshots: readonly Snapshot[]): ImmunityClaim[] {
  const claims = new Map<
    string,
    { claim: Omit<ImmunityClaim, 'message' | 'snapshots'>; hosts: Set<string>; relation: Relation }
  >();
  for (const snapshot of snapshots.filter(({ vendor }) => vendor === profile.vendor)) {
    const host = snapshotName(snapshot);
    for (const finding of check(profile, snapshot).findings) {
      if (finding.class !== 'mitigation' || finding.severity !== 'error' || !BITS.includes(finding.code))
        continue;
      const { where, bits, name, relation } = finding;
      const code = relation === 'superset' ? 'DefectNotAdmitted' : 'ImmunityNotOffered';
      const key = `${placeText(where, bits)} ${name}`;
      const known = claims.get(key);
      if (known === undefined)
        claims.set(key, {
          claim: { code, severity: 'error', where, bits, name },
          hosts: new Set([host]),
          relation,
        });
      else known.hosts.add(host);
    }
  }
  return [...claims.values()].map(({ claim, hosts }) => {
    const names = [...hosts].sort();
    return { ...claim, snapshots: names, message: sentence(claim, names) };
  });
}

function sentence(
  { code, where, bits, name }: Pick<ImmunityClaim, 'code' | 'where' | 'bits' | 'name'>,
  snapshots: readonly string[],
): string {
  const what = `${name} (${placeText(where, bits)})`;
  const hosts = snapshots.join(', ');
  return code === 'DefectNotAdmitted'
    ? `The profile shows ${what} as clear, and it is set on ${hosts}: guests there leave out a defence that they need.`
    : `The profile claims ${what}, which ${hosts} cannot bear out: guests there rely on a protection that is not given.`;
}
