/** The NodeCpu of the agent's own Node: made once, its status applied. */
import { AGENT_MANAGER, API_VERSION, NODE_CPUS } from '../../crds/kinds.ts';
import type { NodeCpuSpec, NodeCpuStatus } from '../../crds/node-cpu.ts';
import { isConflict, isNotFound, isObjectGone } from '../../kube/errors.ts';
import type { ApiClient, KubeObject } from '../../kube/types.ts';
import type { NodeReference } from '../provided.ts';

interface NodeCpuObject extends KubeObject {
  spec?: NodeCpuSpec;
  status?: NodeCpuStatus;
}

/** The status of this Node's NodeCpu, which is made when there is none. Throws what the client throws. */
export async function ensureNodeCpu(
  client: ApiClient,
  node: NodeReference,
): Promise<NodeCpuStatus | undefined> {
  let found = await read(client, node.name);
  if (found !== undefined && !belongsTo(found, node)) {
    // It tells of an earlier Node of this name, perhaps another machine; garbage collection would take it later.
    await remove(client, found);
    found = undefined;
  }
  found ??= await create(client, node);
  return found.status;
}

/** Throws what the client throws; NotFound when the NodeCpu has gone meanwhile. */
export async function applyStatus(client: ApiClient, name: string, status: NodeCpuStatus): Promise<void> {
  const object: NodeCpuObject = {
    apiVersion: API_VERSION,
    kind: NODE_CPUS.kind,
    metadata: { name },
    status,
  };
  await client.apply(NODE_CPUS, object, { subresource: 'status', fieldManager: AGENT_MANAGER, force: true });
}

async function read(client: ApiClient, name: string): Promise<NodeCpuObject | undefined> {
  try {
    return await client.get<NodeCpuObject>(NODE_CPUS, name);
  } catch (error) {
    if (isObjectGone(error, name)) return undefined;
    throw error;
  }
}

const belongsTo = ({ metadata }: NodeCpuObject, { uid }: NodeReference): boolean =>
  metadata.deletionTimestamp === undefined &&
  (metadata.ownerReferences ?? []).some((owner) => owner.kind === 'Node' && owner.uid === uid);

async function remove(client: ApiClient, { metadata }: NodeCpuObject): Promise<void> {
  try {
    await client.delete(NODE_CPUS, metadata.name, metadata.uid === undefined ? {} : { uid: metadata.uid });
  } catch (error) {
    // Somebody else was faster: gone, or made anew.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

function create(client: ApiClient, { name, uid }: NodeReference): Promise<NodeCpuObject> {
  const object: NodeCpuObject = {
    apiVersion: API_VERSION,
    kind: NODE_CPUS.kind,
    metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
    spec: {},
  };
  return client.create(NODE_CPUS, object, { fieldManager: AGENT_MANAGER });
}
