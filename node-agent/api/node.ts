/** The agent's own Node: a direct read, and the server-side apply of its labels. */
import { AGENT_MANAGER, PROFILE_LABEL_PREFIX, SNAPSHOT_LABEL, VENDOR_LABEL } from '../../crds/kinds.ts';
import { NODES } from '../../kube/core.ts';
import { isObjectGone } from '../../kube/errors.ts';
import type { ApiClient, KubeObject, ObjectMeta } from '../../kube/types.ts';
import type { NodeView } from '../decide/input.ts';

export interface NodeRead extends NodeView {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string | undefined;
}

/** The Node as it is now; undefined when there is none of this name. Throws what the client throws. */
export async function readNode(client: ApiClient, name: string): Promise<NodeRead | undefined> {
  try {
    const { metadata } = await client.get<KubeObject>(NODES, name);
    if (metadata.uid === undefined) throw new Error(`the API server answers with Node ${name} without a uid`);
    return {
      name,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      labels: metadata.labels ?? {},
      owned: ownedLabels(metadata.managedFields),
    };
  } catch (error) {
    if (isObjectGone(error, name)) return undefined;
    throw error;
  }
}

/**
 * Applies exactly these labels as ours: what we owned and leave out goes. The uid keeps a deleted Node from being
 * created by it, the resourceVersion keeps it from deciding on labels that have changed since they were read:
 * both are answered with 409. Throws what the client throws.
 */
export async function applyLabels(
  client: ApiClient,
  { name, uid, resourceVersion }: NodeRead,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const metadata: ObjectMeta = {
    name,
    uid,
    ...(resourceVersion !== undefined && { resourceVersion }),
    labels: { ...labels },
  };
  await client.apply(
    NODES,
    { apiVersion: 'v1', kind: 'Node', metadata },
    { fieldManager: AGENT_MANAGER, force: true },
  );
}

/** What of a Node the agent must react to: another Node under the name, or a change of our labels. */
export function nodeSignature({ metadata }: KubeObject): string {
  const ours = Object.entries(metadata.labels ?? {})
    .filter(([key]) => key.startsWith(PROFILE_LABEL_PREFIX) || key === SNAPSHOT_LABEL || key === VENDOR_LABEL)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return JSON.stringify([metadata.uid, ours]);
}

/** Label keys that our manager owns by apply; undefined when `managedFields` were not read. */
export function ownedLabels(managedFields: readonly unknown[] | undefined): ReadonlySet<string> | undefined {
  if (managedFields === undefined) return undefined;
  const owned = new Set<string>();
  for (const entry of managedFields) {
    const { manager, operation, subresource } = fields(entry);
    if (manager !== AGENT_MANAGER || operation !== 'Apply' || subresource !== undefined) continue;
    const labels = fields(fields(fields(entry)['fieldsV1'])['f:metadata'])['f:labels'];
    // Keys look like `f:profile.cpuprofiles.dev/skylake`; `.` stands for the map itself.
    for (const key of Object.keys(fields(labels))) if (key.startsWith('f:')) owned.add(key.slice(2));
  }
  return owned;
}

const fields = (value: unknown): Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
