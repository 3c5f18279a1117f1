/** Node objects for machines that have no kubelet here: ready, untainted, with room for pods. */
import { NODES } from '../kube/core.ts';
import { isConflict } from '../kube/errors.ts';
import type { ApiClient, KubeObject } from '../kube/types.ts';

interface Node extends KubeObject {
  spec?: { taints?: { key: string }[] };
  status?: unknown;
}

const capacity = { cpu: '8', memory: '32Gi', pods: '110' };

/** Creates the Node, marks it ready and takes the taint away that a kubelet's first report would take away. */
export async function createNode(
  client: ApiClient,
  name: string,
  annotations: Record<string, string>,
): Promise<void> {
  await client.create<Node>(NODES, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' }, annotations },
  });
  const fieldManager = 'demo';
  await client.apply<Node>(
    NODES,
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      status: {
        capacity,
        allocatable: capacity,
        conditions: [{ type: 'Ready', status: 'True', reason: 'Demo', message: '' }],
      },
    },
    { fieldManager, subresource: 'status', force: true },
  );
  await untaint(client, name);
}

/** Others write Nodes as well: a write that comes too late is made again. */
async function untaint(client: ApiClient, name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const created = await client.get<Node>(NODES, name);
    try {
      await client.replace<Node>(NODES, { ...created, spec: { ...created.spec, taints: [] } });
      return;
    } catch (error) {
      if (!isConflict(error) || attempt === 10) throw error;
    }
  }
}
