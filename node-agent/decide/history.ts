/** What changed on this machine and when: the last five states of what guests can depend on. */
import type { NodeCpuStatus, Provenance } from '../../crds/node-cpu.ts';
import { rfc3339 } from '../../kube/conditions.ts';

export type HistoryEntry = NonNullable<NodeCpuStatus['history']>[number];

const MAX_HISTORY = 5;

/** `history` with a new first entry when snapshot, kernel, microcode or firmware are not what it says last. */
export function decideHistory(
  history: readonly HistoryEntry[],
  snapshot: string,
  provenance: Provenance,
  now: Date,
): HistoryEntry[] {
  const { kernel, microcode, firmware } = provenance;
  const entry: HistoryEntry = {
    at: rfc3339(now),
    snapshot,
    kernel,
    ...(microcode !== undefined && { microcode }),
    ...(firmware !== undefined && { firmware }),
  };
  const last = history[0];
  const same =
    last?.snapshot === snapshot &&
    last.kernel === kernel &&
    last.microcode === microcode &&
    last.firmware === firmware;
  return same ? [...history] : [entry, ...history].slice(0, MAX_HISTORY);
}
