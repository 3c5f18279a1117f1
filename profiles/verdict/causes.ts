/**
 * Known causes of findings: why a host lacks what a profile shows, as far as a source says so. A cause is likely where what is
 * known of the host fits it, possible where nothing is known, and left out where it is contradicted.
 */
import type { Finding } from '../model/finding.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { type Cause, CAUSES, type Evidence } from './causes-table.ts';

export interface LikelyCause {
  /** CamelCase, stable. */
  readonly code: string;
  readonly certainty: 'likely' | 'possible';
  readonly text: string;
  /** What of the host speaks for it; empty when nothing is known. */
  readonly evidence: readonly string[];
  /** What would take the finding away. */
  readonly remedy: string;
  readonly source: string;
}

/** The causes of `finding` that nothing contradicts, likely ones first. */
export function causesOf(finding: Finding, snapshot: Snapshot, evidence: Evidence = {}): LikelyCause[] {
  if (finding.severity !== 'error') return [];
  return CAUSES.filter((cause) => fits(cause, finding, snapshot))
    .flatMap((cause): LikelyCause[] => {
      const signs = cause.signs.map((sign) => sign({ finding, snapshot, evidence }));
      if (signs.includes('contradicted')) return [];
      const { code, text, remedy, source } = cause;
      const shown = signs.filter((sign) => sign !== 'unknown');
      return [
        { code, certainty: shown.length > 0 ? 'likely' : 'possible', text, evidence: shown, remedy, source },
      ];
    })
    .sort((left, right) => left.certainty.localeCompare(right.certainty));
}

function fits({ codes, place, vendor }: Cause, { code, where, bits }: Finding, snapshot: Snapshot): boolean {
  if (!codes.includes(code) || (vendor !== undefined && vendor !== snapshot.vendor)) return false;
  if (place === undefined) return true;
  if ('name' in place) return Object.keys(where).length === 0;
  const here =
    'msr' in place
      ? 'msr' in where && Number(where.msr) === place.msr
      : 'leaf' in where &&
        Number(where.leaf) === place.leaf &&
        Number(where.subleaf) === (place.subleaf ?? 0) &&
        where.register === place.register;
  return here && (place.bits === undefined || bits.some((bit) => place.bits?.includes(bit) === true));
}
