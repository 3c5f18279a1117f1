/** The CPUID half of generation: walk the table, take each field by its policy. */
import type { CpuidDefinition, Definitions } from '../definitions/types.ts';
import { and32, mask32, or32 } from '../model/numbers.ts';
import type { CpuidAdjustment } from '../model/profile.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { entriesIn, indexHost, type HostIndex } from '../verdict/host-index.ts';
import { splitSubleaves } from './subleaves.ts';

/** One adjustment for each row and subleaf the host reports, and one for each gap. Bits without a row become 0. */
export function adjustCpuid(snapshot: Snapshot, definitions: Definitions): CpuidAdjustment[] {
  const host = indexHost(snapshot);
  return definitions.cpuid.flatMap((row) => adjustRow(row, host));
}

function adjustRow(row: CpuidDefinition, host: HostIndex): CpuidAdjustment[] {
  const { leaf, register } = row;
  const entries = entriesIn(host, leaf, row.firstSubleaf, row.lastSubleaf);
  const present = entries.map(({ subleaf }) => subleaf);
  return splitSubleaves(row.firstSubleaf, row.lastSubleaf, present).map(({ first, last }) => {
    const entry = entries.find(({ subleaf }) => subleaf === first);
    const adjusted = adjustRegister(row, entry?.[register] ?? 0);
    // Where the host has no entry a static 1 has no place to go: CPUs without leaf 6 have no ARAT either.
    const value = entry === undefined ? 0 : adjusted.value;
    return { leaf, subleaf: first, lastSubleaf: last, register, mask: adjusted.mask, value };
  });
}

/** What the policies of a row's fields make of one register of the host. */
function adjustRegister(row: CpuidDefinition, offered: number): { mask: number; value: number } {
  let mask = 0;
  let value = 0;
  for (const { first, last, policy } of row.fields) {
    const bits = mask32(first, last);
    if (policy === 'inherit') value = or32(value, and32(offered, bits));
    else if (policy === 'passthrough') mask = or32(mask, bits);
    else value = or32(value, and32(policy.static << first, bits));
  }
  return { mask, value };
}
