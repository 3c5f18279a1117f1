/** The MSR side of a verdict: feature MSRs that are set, and MSRs that must exist. */
import type { Finding } from '../model/finding.ts';
import { bitsOf, toHex } from '../model/numbers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { CompiledMsrs, MsrCheck, MsrFieldCheck, RequiredMsr } from './compile-msrs.ts';
import { ARCH_CAPABILITIES, toleratedArchCapabilities } from './exceptions.ts';
import { mismatch, msrWhere, notObserved, placeText } from './findings.ts';
import type { HostIndex } from './host-index.ts';
import { notTold64 } from './kvm-decides.ts';
import { offending64 } from './relation.ts';

/** Whether the snapshot's lists are KVM's complete answer, so that what is not in them does not exist. */
const complete = ({ source, partial }: Snapshot): boolean => source === 'kvm' && !partial;

/** Adjusted MSRs that are not among the host's feature MSRs. */
export function missingFeatureMsrs(
  { adjusted }: CompiledMsrs,
  snapshot: Snapshot,
  host: HostIndex,
): Finding[] {
  const missing = adjusted.filter(({ index }) => !host.featureMsrs.has(index));
  const observed = complete(snapshot) && snapshot.featureMsrs !== undefined;
  return missing.map((check) => {
    const { index, name, value } = check;
    const about = {
      where: msrWhere(index),
      bits: bitsOf(value),
      name,
      class: check.class,
      relation: 'subset',
      profile: toHex(value),
      host: '0x0',
    } as const;
    if (!observed) {
      return notObserved(
        about,
        `The profile sets ${name} (${placeText(about.where)}), and the snapshot does not tell whether KVM on this host has it.`,
      );
    }
    return {
      ...about,
      code: 'FeatureMsrMissing',
      severity: 'error',
      message: `The profile sets ${name} (${placeText(about.where)}), which is not among the feature MSRs that KVM on this host reports.`,
    };
  });
}

/** Required MSRs that neither the feature list nor the index list names. */
export function missingRequiredMsrs(
  { required }: CompiledMsrs,
  snapshot: Snapshot,
  host: HostIndex,
): Finding[] {
  const missing = required.filter(({ index }) => !host.featureMsrs.has(index) && !host.msrIndices.has(index));
  if (missing.length === 0) return [];
  const observed =
    complete(snapshot) && snapshot.featureMsrs !== undefined && snapshot.msrIndices !== undefined;
  return observed ? missing.map(requiredMissing) : [listsNotObserved(missing)];
}

const requiredMissing = ({ index, describe }: RequiredMsr): Finding => {
  const { name, class: class_ } = describe();
  return {
    code: 'RequiredMsrMissing',
    severity: 'error',
    where: msrWhere(index),
    bits: [],
    name,
    class: class_,
    relation: 'subset',
    profile: '0x1',
    host: '0x0',
    message: `Guests under the profile may use ${name} (MSR ${toHex(index)}), which KVM on this host neither lists nor saves.`,
  };
};

function listsNotObserved(missing: readonly RequiredMsr[]): Finding {
  const named = missing.slice(0, 5).map(({ index }) => toHex(index));
  const rest = missing.length - named.length;
  const list = rest > 0 ? `${named.join(', ')} and ${rest} more` : named.join(', ');
  return notObserved(
    { where: {}, name: 'MSR lists', class: 'isa', profile: toHex(missing.length) },
    `The profile requires MSRs (${list}) that the snapshot's lists do not name, and those lists are not KVM's complete answer.`,
  );
}

/** Every field of every adjusted MSR that the host has. */
export function compareMsrs({ adjusted }: CompiledMsrs, snapshot: Snapshot, host: HostIndex): Finding[] {
  return adjusted.flatMap((check) => {
    const offered = host.featureMsrs.get(check.index);
    return offered === undefined ? [] : compareMsr(check, offered, snapshot);
  });
}

function compareMsr(check: MsrCheck, offered: bigint, { source, partial }: Snapshot): Finding[] {
  const { index } = check;
  const guest = (offered & check.mask) | check.value;
  const kvmDecides = notTold64(source, partial, index);
  const isArchCapabilities = index === ARCH_CAPABILITIES;
  const tolerated = isArchCapabilities ? toleratedArchCapabilities(guest, offered) : 0n;
  // Where KVM may add what this snapshot lacks, it may add what makes the tolerance hold.
  const perhaps = isArchCapabilities ? toleratedArchCapabilities(guest, offered | kvmDecides) : 0n;
  const untold = kvmDecides | perhaps;
  const findings: Finding[] = [];
  for (const field of check.fields) {
    const offending = offending64(field.relation, guest, offered, field.mask);
    if (offending === 0n) continue;
    const finding = compared(index, field, guest, offered, offending);
    const hidden =
      field.relation === 'subset' ? offending & untold : (offending & untold) === 0n ? 0n : offending;
    if ((offending & tolerated) !== 0n) findings.push(toleratedFinding(finding));
    else if (hidden === 0n) findings.push(finding);
    else {
      findings.push(unknown(compared(index, field, guest, offered, hidden)));
      const seen = offending & ~hidden;
      if (seen !== 0n) findings.push(compared(index, field, guest, offered, seen));
    }
  }
  return findings;
}

const compared = (
  index: number,
  field: MsrFieldCheck,
  guest: bigint,
  host: bigint,
  offending: bigint,
): Finding =>
  mismatch({
    where: msrWhere(index),
    name: field.name,
    class: field.class,
    relation: field.relation,
    guest,
    host,
    field: field.mask,
    offending,
  });

const unknown = ({ where, bits, name, class: class_, relation, profile, host }: Finding): Finding =>
  notObserved(
    { where, bits, name, class: class_, relation, profile, host },
    `The profile fixes ${name} (${placeText(where, bits)}); what KVM would give for it cannot be told from this snapshot.`,
  );

const toleratedFinding = (finding: Finding): Finding => ({
  ...finding,
  code: 'FbClearTolerated',
  severity: 'note',
  message: `This host lacks ${finding.name} (${placeText(finding.where, finding.bits)}) and nothing else, and it is immune to all that the bit would be used against: guests lose nothing.`,
});
