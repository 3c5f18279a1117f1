/** Findings and verdicts: what `check` says, and the one form in which every page, event and exit code shows it. */
import type { Register } from './registers.ts';

/** Public and stable: also condition reasons, event reasons and metric labels. docs/reference/findings.md explains each. */
export const FINDING_CODES = [
  'VendorMismatch',
  'CpuidBitsMissing',
  'CpuidBitsUnwanted',
  'CpuidValueTooLow',
  'CpuidValueDiffers',
  'CpuidEntryMissing',
  'MsrBitsMissing',
  'MsrBitsUnwanted',
  'MsrValueTooLow',
  'MsrValueDiffers',
  'FeatureMsrMissing',
  'RequiredMsrMissing',
  'CapabilityMissing',
  'NotObserved',
  'FbClearTolerated',
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

export type Severity = 'error' | 'warning' | 'note';
export type FindingClass = 'isa' | 'mitigation' | 'virtualization' | 'topology' | 'paravirt' | 'identity';
export const RELATIONS = ['subset', 'superset', 'at-most', 'equal', 'identity', 'ignore'] as const;
export type Relation = (typeof RELATIONS)[number];

/** A place in a snapshot or profile; `{}` for the whole (vendor, capability). Hex strings as everywhere outside. */
export type Where =
  | { readonly leaf: string; readonly subleaf: string; readonly register: Register }
  | { readonly msr: string }
  | Record<string, never>;

/** JSON form as it leaves the program; `profile` and `host` are canonical hex: whole registers for subset and superset, the field's values for at-most and equal. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly where: Where;
  /** Bit numbers in the register, rising. */
  readonly bits: readonly number[];
  readonly name: string;
  readonly class: FindingClass;
  readonly relation: Relation;
  readonly profile: string;
  readonly host: string;
  readonly message: string;
}

export type Compatible = 'Yes' | 'No' | 'Unknown';

/** `No` has at least one error; `Unknown` at least one NotObserved warning and no error; `Yes` notes at most. */
export interface Verdict {
  readonly compatible: Compatible;
  readonly findings: readonly Finding[];
}
