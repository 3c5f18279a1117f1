/** A recording as a CpuSnapshot manifest. */
import * as z from 'zod';
import { API_VERSION, CPU_SNAPSHOTS } from '../../../crds/kinds.ts';
import { cpuSnapshotSpec } from '../../../crds/cpu-snapshot.ts';
import { provenance } from '../../../crds/node-cpu.ts';
import { snapshotFromWire, snapshotName, snapshotToWire } from '../../../profiles/model/snapshot.ts';

export const recording = z.object({ snapshot: cpuSnapshotSpec, provenance });
export type Recording = z.infer<typeof recording>;

/** What the annotations `recorded.cpuprofiles.dev/…` of a recorded host say. */
export interface Circumstances {
  readonly how: string;
  readonly cpu: string;
  readonly kernel: string;
  readonly qemu?: string;
  readonly 'not-observed'?: string;
}

export function manifestOf({ snapshot, provenance }: Recording, circumstances: Circumstances): string {
  const normal = snapshotFromWire(snapshot);
  // The boot that was recorded is over.
  const lasting = { ...provenance, bootId: undefined };
  const annotations = Object.fromEntries(
    Object.entries({ ...circumstances, provenance: JSON.stringify(lasting) }).map(([key, value]) => [
      `recorded.cpuprofiles.dev/${key}`,
      value,
    ]),
  );
  const object = {
    apiVersion: API_VERSION,
    kind: CPU_SNAPSHOTS.kind,
    metadata: { name: snapshotName(normal), annotations },
    spec: snapshotToWire(normal),
  };
  return `${shortRows(JSON.stringify(object, null, 2))}\n`;
}

/** One line per CPUID entry and MSR, so that a difference between two hosts is a difference of lines. */
const shortRows = (json: string): string =>
  json.replaceAll(
    /\{\n\s+("(?:leaf|index)"[^{}]*?)\n\s+\}/g,
    (_, inner: string) => `{ ${inner.replaceAll(/\n\s+/g, ' ')} }`,
  );
