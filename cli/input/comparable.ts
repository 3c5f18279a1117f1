/** An argument that may be a CpuProfile or a CpuSnapshot: a file, `catalog:NAME`, or an object of a cluster. */
import type { Profile } from '../../profiles/model/profile.ts';
import { snapshotFromWire, type Snapshot } from '../../profiles/model/snapshot.ts';
import { badInput } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { namesCluster, type ClusterFlags } from './cluster.ts';
import { readManifests } from './manifests.ts';
import { acceptSpec, loadProfiles } from './profiles.ts';
import { loadSnapshots } from './snapshots.ts';

export type Comparable =
  | { readonly kind: 'CpuProfile'; readonly name: string; readonly profile: Profile }
  | { readonly kind: 'CpuSnapshot'; readonly name: string; readonly snapshot: Snapshot };

/** Snapshots of a cluster are named by their digest, profiles never so by accident. */
const SNAPSHOT_NAME = /^(intel|amd)-[0-9a-f]{16}$/;

/** Reads exactly one. Throws CliFailure where there are more, or another kind. */
export async function loadComparable(
  argument: string,
  flags: ClusterFlags,
  terminal: Terminal,
): Promise<Comparable> {
  const found =
    argument.startsWith('catalog:') || namesCluster(flags)
      ? await fromElsewhere(argument, flags, terminal)
      : await fromFile(argument);
  const [one, second] = found;
  if (one === undefined || second !== undefined)
    throw badInput(argument, 'expected exactly one CpuProfile or CpuSnapshot');
  return one;
}

async function fromElsewhere(
  argument: string,
  flags: ClusterFlags,
  terminal: Terminal,
): Promise<Comparable[]> {
  if (SNAPSHOT_NAME.test(argument)) {
    const snapshots = await loadSnapshots([argument], { ...flags, device: '' }, terminal);
    return snapshots.map(({ name, snapshot }) => ({ kind: 'CpuSnapshot', name, snapshot }));
  }
  const profiles = await loadProfiles([argument], flags, terminal);
  return profiles.map(({ name, profile }) => ({ kind: 'CpuProfile', name, profile }));
}

async function fromFile(path: string): Promise<Comparable[]> {
  return (await readManifests(path)).map(({ origin, manifest }): Comparable => {
    const { name } = manifest.metadata;
    if (manifest.kind === 'CpuSnapshot') {
      try {
        return { kind: 'CpuSnapshot', name, snapshot: snapshotFromWire(manifest.spec) };
      } catch (error) {
        throw badInput(origin, error);
      }
    }
    if (manifest.kind !== 'CpuProfile')
      throw badInput(origin, `kind: expected CpuProfile or CpuSnapshot, found ${manifest.kind}`);
    const acceptance = acceptSpec({ name, origin, spec: manifest.spec });
    if (!acceptance.accepted) throw badInput(origin, acceptance.message);
    return { kind: 'CpuProfile', name, profile: acceptance.profile };
  });
}
