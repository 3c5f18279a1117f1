/**
 * The part of an API server that a round of the agent meets, for tests that need thousands of rounds with errors at
 * every possible place: server-side apply of labels with ownership and conflicts, uids, NotFound in its several
 * forms. What it models is tried against the real API server in *.api.test.ts.
 */
import { CPU_PROFILES, CPU_SNAPSHOTS, NODE_CPUS } from '../../crds/kinds.ts';
import type { NodeCpuStatus } from '../../crds/node-cpu.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, NODES } from '../../kube/core.ts';
import { ApiError, ConnectionError } from '../../kube/errors.ts';
import type { ApiClient, KubeObject, Resource, WriteOptions } from '../../kube/types.ts';
import { managedFields } from '../decide/testing.ts';

export type Fault = 'refused' | 'lost answer' | 'unavailable' | 'forbidden' | 'no such path' | undefined;
export type Definition = 'well' | 'being deleted' | 'missing';

interface Stored extends KubeObject {
  spec?: unknown;
  status?: NodeCpuStatus;
}

export class ModelCluster {
  readonly node = { uid: 'node-1', resourceVersion: 1, labels: new Map<string, string>() };
  readonly owned = new Set<string>();
  /** Name to uid. */
  readonly profiles = new Map<string, string>();
  definition: Definition = 'well';
  readonly objects = new Map<string, Stored>();
  writes = 0;
  /** Asked before every request. */
  fault: () => Fault = () => undefined;

  readonly nodeName: string;

  constructor(nodeName: string) {
    this.nodeName = nodeName;
    this.node.labels.set('kubernetes.io/hostname', nodeName);
  }

  /** Somebody else's change of a label: it takes the label over, or removes it whoever owns it. */
  labelByHand(key: string, value: string | undefined): void {
    if (this.node.labels.get(key) === value) return;
    this.owned.delete(key);
    if (value === undefined) this.node.labels.delete(key);
    else this.node.labels.set(key, value);
    this.node.resourceVersion += 1;
  }

  client(): ApiClient {
    const refuse = (): never => {
      throw new Error('the agent does not ask for this in a round');
    };
    return {
      get: <T extends KubeObject>(resource: Resource, name: string) =>
        this.#answer(() => this.#get(resource, name) as unknown as T, false),
      create: <T extends KubeObject>(resource: Resource, object: T) =>
        this.#answer(() => this.#create(resource, object), true),
      apply: <T extends KubeObject>(resource: Resource, object: T, options: WriteOptions) =>
        this.#answer(() => {
          if (resource === NODES) this.#applyNode(object);
          else this.#applyStatus(resource, object, options);
          return object;
        }, true),
      delete: (resource, name) =>
        this.#answer(() => {
          if (!this.objects.delete(`${resource.kind}/${name}`)) throw notFound(resource, name);
        }, true),
      list: refuse,
      replace: refuse,
      watch: refuse,
    };
  }

  /** A lost answer to a write is the worst case: it was done, and nobody knows. */
  #answer<T>(work: () => T, write: boolean): Promise<T> {
    const fault = this.fault();
    if (fault === 'lost answer' && write) work();
    const error = fault && errorOf(fault);
    if (error !== undefined) return Promise.reject(error);
    try {
      const value = work();
      if (write) this.writes += 1;
      return Promise.resolve(value);
    } catch (failure) {
      return Promise.reject(failure instanceof Error ? failure : new Error(String(failure)));
    }
  }

  #get(resource: Resource, name: string): Stored {
    if (resource === NODES) return this.#nodeObject();
    if (resource === CUSTOM_RESOURCE_DEFINITIONS) return this.#definitionObject(name);
    if (resource === CPU_PROFILES) {
      if (this.definition === 'missing') throw noSuchPath();
      const uid = this.profiles.get(name);
      if (uid === undefined) throw notFound(resource, name);
      return { metadata: { name, uid } };
    }
    const object = this.objects.get(`${resource.kind}/${name}`);
    if (object === undefined) throw notFound(resource, name);
    return structuredClone(object);
  }

  #nodeObject(): Stored {
    const { uid, resourceVersion, labels } = this.node;
    return {
      metadata: {
        name: this.nodeName,
        uid,
        resourceVersion: String(resourceVersion),
        labels: Object.fromEntries(labels),
        managedFields: managedFields([...this.owned]),
      },
    };
  }

  #definitionObject(name: string): Stored {
    if (this.definition === 'missing') throw notFound(CUSTOM_RESOURCE_DEFINITIONS, name);
    const deleted = this.definition === 'being deleted' && { deletionTimestamp: '2026-03-01T12:00:00Z' };
    const definition = { metadata: { name, ...deleted }, status: { conditions: [] as unknown[] } };
    definition.status.conditions.push({ type: 'Established', status: 'True' });
    return definition as Stored;
  }

  #create<T extends KubeObject>(resource: Resource, object: T): T {
    if (resource !== NODE_CPUS && resource !== CPU_SNAPSHOTS) throw new Error(`creates a ${resource.kind}`);
    const key = `${resource.kind}/${object.metadata.name}`;
    if (this.objects.has(key)) throw new ApiError(`create ${key}`, 409, { reason: 'AlreadyExists' });
    this.objects.set(key, structuredClone(object));
    return object;
  }

  #applyStatus(resource: Resource, object: Stored, { subresource }: WriteOptions): void {
    const key = `${resource.kind}/${object.metadata.name}`;
    const stored = this.objects.get(key);
    if (resource !== NODE_CPUS || subresource !== 'status') throw new Error(`applies ${key}`);
    if (stored === undefined) throw notFound(resource, object.metadata.name);
    if (object.status !== undefined) stored.status = structuredClone(object.status);
  }

  #applyNode({ metadata }: KubeObject): void {
    const { node, owned } = this;
    if (metadata.uid !== node.uid || metadata.resourceVersion !== String(node.resourceVersion)) {
      throw new ApiError(`apply Node ${this.nodeName}`, 409, { reason: 'Conflict' });
    }
    const labels = new Map(Object.entries(metadata.labels ?? {}));
    for (const key of owned) if (!labels.has(key)) node.labels.delete(key);
    owned.clear();
    for (const [key, value] of labels) {
      owned.add(key);
      node.labels.set(key, value);
    }
    node.resourceVersion += 1;
  }
}

const notFound = (resource: Resource, name: string): ApiError =>
  new ApiError(`get ${resource.kind} ${name}`, 404, {
    reason: 'NotFound',
    details: { name, group: resource.group, kind: resource.plural },
  });
const noSuchPath = (): ApiError => new ApiError('get', 404, undefined);

function errorOf(fault: Exclude<Fault, undefined>): Error {
  switch (fault) {
    case 'refused':
    case 'lost answer':
      return new ConnectionError('request', new Error(fault));
    case 'unavailable':
      return new ApiError('request', 503, { reason: 'ServiceUnavailable' });
    case 'forbidden':
      return new ApiError('request', 403, { reason: 'Forbidden' });
    case 'no such path':
      return noSuchPath();
  }
}
