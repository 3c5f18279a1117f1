/** The CPUID side of a verdict: registers that must exist, and the fields compared in each. */
import type { Finding } from '../model/finding.ts';
import { and32, bitsOf, minus32, or32, toHex } from '../model/numbers.ts';
import type { CpuidEntry, Snapshot } from '../model/snapshot.ts';
import { presenceName, type CompiledCpuid, type PresenceCheck } from './compile-cpuid.ts';
import { fieldsOf, type FieldCheck, type RegisterCheck } from './compile-register.ts';
import { AMD_IBPB_AND_IBRS, isHypervisorLeaf, SPEC_CTRL_BIT } from './exceptions.ts';
import { cpuidWhere, mismatch, notObserved, placeText } from './findings.ts';
import { entriesIn, type HostIndex } from './host-index.ts';
import { notTold32, xstateNotRecorded } from './kvm-decides.ts';
import { offending32 } from './relation.ts';

/** Registers with fixed bits that the host has no entry for. */
export function missingEntries({ presence }: CompiledCpuid, snapshot: Snapshot, host: HostIndex): Finding[] {
  return presence
    .filter(({ leaf, subleaf, lastSubleaf }) => entriesIn(host, leaf, subleaf, lastSubleaf).length === 0)
    .map((check) => missingEntry(check, snapshot));
}

function missingEntry(check: PresenceCheck, snapshot: Snapshot): Finding {
  const { leaf, subleaf, register, value } = check;
  const { name, class: class_ } = presenceName(check);
  const where = cpuidWhere(leaf, subleaf, register);
  const about = {
    where,
    bits: bitsOf(value),
    name,
    class: class_,
    relation: 'subset',
    profile: toHex(value),
    host: '0x0',
  } as const;
  const place = placeText(where);
  if (snapshot.partial) {
    return notObserved(
      about,
      `The profile fixes ${name} in ${place}, and this partial snapshot says nothing about that leaf.`,
    );
  }
  const { source } = snapshot;
  const made = minus32(value, notTold32(source, leaf, subleaf, register)) === 0;
  if (made || (source !== 'kvm' && isHypervisorLeaf(leaf))) {
    return notObserved(about, `The profile fixes ${name} in ${place}, which only KVM itself can answer for.`);
  }
  return {
    ...about,
    code: 'CpuidEntryMissing',
    severity: 'error',
    message: `The profile fixes ${name} (${placeText(where, about.bits)}), and this host has no such CPUID entry to put it in.`,
  };
}

/** Every field of every register that exists on both sides. */
export function compareCpuid({ registers }: CompiledCpuid, snapshot: Snapshot, host: HostIndex): Finding[] {
  const findings: Finding[] = [];
  for (const check of registers) {
    for (const entry of entriesIn(host, check.leaf, check.subleaf, check.lastSubleaf)) {
      compareRegister(check, entry, snapshot, host, findings);
    }
  }
  return findings;
}

function compareRegister(
  check: RegisterCheck,
  entry: CpuidEntry,
  snapshot: Snapshot,
  host: HostIndex,
  findings: Finding[],
): void {
  const offered = entry[check.register];
  if (and32(offered, check.care) === check.expected && check.atMost === 0) return;
  const guest = or32(and32(offered, check.mask), check.value);
  for (const field of fieldsOf(check)) {
    const offending = offending32(field.relation, guest, offered, field.mask);
    if (offending === 0) continue;
    const untold = untoldBits(check, entry, field, snapshot, offending);
    const seen = minus32(offending, untold);
    if (seen !== 0) findings.push(explained(compared(check, entry, field, guest, seen), snapshot, host));
    if (untold !== 0) findings.push(unknown(check, entry, field, guest, untold));
  }
}

/** Of the bits that offend, those which this kind of snapshot cannot show to be missing. */
function untoldBits(
  { leaf, register }: RegisterCheck,
  entry: CpuidEntry,
  field: FieldCheck,
  { source, partial }: Snapshot,
  offending: number,
): number {
  // A partial dump leaves what its tool did not look at as 0: a register of zeros is no observation.
  if (partial && entry[register] === 0) return offending;
  if (xstateNotRecorded(source, entry)) return offending;
  const untold = and32(offending, notTold32(source, leaf, entry.subleaf, register));
  return field.relation === 'subset' || untold === 0 ? untold : offending;
}

const compared = (
  { register }: RegisterCheck,
  entry: CpuidEntry,
  field: FieldCheck,
  guest: number,
  offending: number,
): Finding =>
  mismatch({
    where: cpuidWhere(entry.leaf, entry.subleaf, register),
    name: field.name,
    class: field.class,
    relation: field.relation,
    guest,
    host: entry[register],
    field: field.mask,
    offending,
  });

function unknown(
  check: RegisterCheck,
  entry: CpuidEntry,
  field: FieldCheck,
  guest: number,
  untold: number,
): Finding {
  const {
    where,
    bits,
    name,
    class: class_,
    relation,
    profile,
    host,
  } = compared(check, entry, field, guest, untold);
  return notObserved(
    { where, bits, name, class: class_, relation, profile, host },
    `The profile fixes ${name} (${placeText(where, bits)}); what KVM would give for it cannot be told from this snapshot.`,
  );
}

/** Adds what is known of a finding's cause: exception MilanSpecCtrl. */
function explained(finding: Finding, snapshot: Snapshot, host: HostIndex): Finding {
  const { leaf, subleaf, register, bit } = SPEC_CTRL_BIT;
  const { where } = finding;
  const here =
    'leaf' in where &&
    where.leaf === toHex(leaf) &&
    where.subleaf === toHex(subleaf) &&
    where.register === register;
  if (!here || snapshot.vendor !== 'amd' || !finding.bits.includes(bit)) return finding;
  const [entry] = entriesIn(host, 0x8000_0008, 0, 0);
  if (entry === undefined || and32(entry.ebx, AMD_IBPB_AND_IBRS) !== AMD_IBPB_AND_IBRS) return finding;
  return {
    ...finding,
    message: `${finding.message} Linux from 6.13 ties this bit to IBPB_RET, so Zen 3 loses it although IBRS and IBPB stay announced by CPUID 80000008.0:EBX[12] and [14]: a profile without the bit loses nothing.`,
  };
}
