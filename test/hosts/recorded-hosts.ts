/** The recorded hosts of this folder: CpuSnapshot manifests whose annotations say where they come from. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { cpuSnapshotSpec } from '../../crds/cpu-snapshot.ts';
import { API_VERSION } from '../../crds/kinds.ts';
import { provenance, type Provenance } from '../../crds/node-cpu.ts';
import { snapshotFromWire, type Snapshot, type SnapshotWire } from '../../profiles/model/snapshot.ts';

const PREFIX = 'recorded.cpuprofiles.dev/';

const manifest = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('CpuSnapshot'),
  metadata: z.strictObject({
    name: z.string(),
    annotations: z.strictObject({
      [`${PREFIX}how`]: z.string(),
      [`${PREFIX}cpu`]: z.string(),
      [`${PREFIX}kernel`]: z.string(),
      [`${PREFIX}qemu`]: z.string().optional(),
      [`${PREFIX}not-observed`]: z.string().optional(),
      [`${PREFIX}provenance`]: z.string(),
    }),
  }),
  spec: cpuSnapshotSpec,
});

export interface RecordedHost {
  /** File name without `.json`, a DNS label but for its dots: `linux-6.1-epyc-rome`. */
  readonly file: string;
  /** metadata.name */
  readonly name: string;
  readonly snapshot: Snapshot;
  readonly wire: SnapshotWire;
  readonly provenance: Provenance;
  /** One sentence on how and on what it was recorded. */
  readonly how: string;
  /** What the recording leaves open, where it does. */
  readonly notObserved: string | undefined;
}

/** Reads them all, by file name. Throws, naming the file, when one is not a strict CpuSnapshot manifest. */
export function recordedHosts(folder: string = import.meta.dirname): RecordedHost[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => readHost(join(folder, file)));
}

function readHost(path: string): RecordedHost {
  try {
    const { metadata, spec } = manifest.parse(JSON.parse(readFileSync(path, 'utf8')));
    const annotations: Readonly<Record<string, string | undefined>> = metadata.annotations;
    const annotation = (name: string): string | undefined => annotations[PREFIX + name];
    return {
      file: basename(path, '.json'),
      name: metadata.name,
      snapshot: snapshotFromWire(spec),
      wire: spec,
      provenance: provenance.parse(JSON.parse(annotation('provenance') ?? 'null')),
      how: annotation('how') ?? '',
      notObserved: annotation('not-observed'),
    };
  } catch (cause) {
    throw new Error(`recorded host ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
