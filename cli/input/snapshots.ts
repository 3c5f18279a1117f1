/** A SNAPSHOT argument: a file, an object of a cluster, or this machine's own KVM. */
import { CPU_SNAPSHOTS } from '../../crds/kinds.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/types.ts';
import {
  snapshotFromWire,
  snapshotName,
  type Snapshot,
  type SnapshotWire,
} from '../../profiles/model/snapshot.ts';
import { badInput, CliFailure, EXIT } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { namesCluster, withCluster, type ClusterFlags } from './cluster.ts';
import { readManifests } from './manifests.ts';

export interface NamedSnapshot {
  readonly name: string;
  readonly origin: string;
  readonly snapshot: Snapshot;
}

/** Reads the named snapshots; with no names, asks the KVM device of this machine. */
export async function loadSnapshots(
  names: readonly string[],
  flags: ClusterFlags & { readonly device: string },
  terminal: Terminal,
): Promise<NamedSnapshot[]> {
  if (names.length === 0) {
    const snapshot = await probeDevice(flags.device);
    return [{ name: snapshotName(snapshot), origin: flags.device, snapshot }];
  }
  if (namesCluster(flags)) return await fromCluster(names, flags, terminal);
  return (await Promise.all(names.map(fromFile))).flat();
}

async function fromFile(path: string): Promise<NamedSnapshot[]> {
  const documents = await readManifests(path);
  const snapshots = documents.map(({ origin, manifest }) => {
    if (manifest.kind !== 'CpuSnapshot')
      throw badInput(origin, `kind: expected CpuSnapshot, found ${manifest.kind}`);
    return named(manifest.metadata.name, origin, manifest.spec);
  });
  return snapshots;
}

async function fromCluster(
  names: readonly string[],
  flags: ClusterFlags,
  terminal: Terminal,
): Promise<NamedSnapshot[]> {
  const { parseObject } = await import('../../crds/parse.ts');
  return await withCluster(flags, terminal, async (client) => {
    const found: NamedSnapshot[] = [];
    for (const name of names) {
      const origin = `CpuSnapshot ${name}`;
      const object = await client.get<KubeObject>(CPU_SNAPSHOTS, name).catch((error: unknown) => {
        if (isNotFound(error)) throw new CliFailure(EXIT.badInput, `${origin}: not found in the cluster`);
        throw error;
      });
      found.push(named(name, origin, attempt(origin, () => parseObject('CpuSnapshot', object)).spec));
    }
    return found;
  });
}

const named = (name: string, origin: string, spec: SnapshotWire): NamedSnapshot => ({
  name,
  origin,
  snapshot: attempt(origin, () => snapshotFromWire(spec)),
});

function attempt<T>(origin: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw badInput(origin, error);
  }
}

/** Asks KVM. Throws CliFailure with exit code 3 and the remedy when the device cannot be used. */
export async function probeDevice(device: string): Promise<Snapshot> {
  // Loaded here: koffi and libc are only for those who ask this machine.
  const [{ probeEveryCpu }, { KvmError }] = await Promise.all([
    import('../../node-agent/kvm/probe-machine.ts'),
    import('../../node-agent/kvm/errors.ts'),
  ]);
  try {
    return (await probeEveryCpu({ device })).snapshot;
  } catch (error) {
    if (error instanceof KvmError) {
      throw new CliFailure(EXIT.environment, `${error.message}. ${error.remedy}`, { cause: error });
    }
    throw error;
  }
}
