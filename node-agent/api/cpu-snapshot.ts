/** The CpuSnapshot of the agent's own probe: shared with every identical node, written by the first of them. */
import { AGENT_MANAGER, API_VERSION, CPU_SNAPSHOTS } from '../../crds/kinds.ts';
import { isConflict, isObjectGone } from '../../kube/errors.ts';
import type { ApiClient, KubeObject } from '../../kube/types.ts';
import { digestOf } from '../../profiles/model/canonical.ts';
import { snapshotToWire, type Snapshot, type SnapshotWire } from '../../profiles/model/snapshot.ts';

interface CpuSnapshotObject extends KubeObject {
  spec?: SnapshotWire;
}

/**
 * Makes the object when there is none. The answer is undefined when the object holds this very content, else what is
 * wrong with it: the name is the digest of the content, so other content under it is a fake or a defect.
 * Throws what the client throws.
 */
export async function ensureSnapshot(
  client: ApiClient,
  name: string,
  snapshot: Snapshot,
): Promise<string | undefined> {
  const spec = snapshotToWire(snapshot);
  // Read first: it is there already unless this node is the first of its kind.
  let stored = await read(client, name);
  if (stored === undefined) {
    const object: CpuSnapshotObject = {
      apiVersion: API_VERSION,
      kind: CPU_SNAPSHOTS.kind,
      metadata: { name },
      spec,
    };
    try {
      await client.create(CPU_SNAPSHOTS, object, { fieldManager: AGENT_MANAGER });
      return undefined;
    } catch (error) {
      if (!isConflict(error)) throw error;
      stored = await client.get<CpuSnapshotObject>(CPU_SNAPSHOTS, name);
    }
  }
  return digestOf(stored.spec ?? null) === digestOf(spec)
    ? undefined
    : `CpuSnapshot ${name} holds other content than its name says`;
}

async function read(client: ApiClient, name: string): Promise<CpuSnapshotObject | undefined> {
  try {
    return await client.get<CpuSnapshotObject>(CPU_SNAPSHOTS, name);
  } catch (error) {
    if (isObjectGone(error, name)) return undefined;
    throw error;
  }
}
