/** The shapes that every Kubernetes object and every answer of the API server share. */

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** One kind of object as the API server's paths name it; `group` is empty for the core group. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** metav1.Condition. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  /** Ask for metadata only (PartialObjectMetadata). */
  metadataOnly?: boolean;
  signal?: AbortSignal | undefined;
}

export interface ListPage<T> {
  items: T[];
  resourceVersion: string;
  continue?: string;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion: string;
  timeoutSeconds: number;
  metadataOnly?: boolean;
  /** The connection counts as dead after this much silence; default: `timeoutSeconds` and half a minute. */
  silenceMs?: number;
  signal: AbortSignal;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

export interface WriteOptions {
  namespace?: string;
  subresource?: 'status';
  fieldManager?: string;
  dryRun?: boolean;
  signal?: AbortSignal | undefined;
}

export interface DeleteOptions {
  namespace?: string;
  /** Preconditions: the server answers 409 when the object is another one by now. */
  uid?: string;
  resourceVersion?: string;
  gracePeriodSeconds?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Everything this project asks of an API server. Each call throws ApiError for an answer that is not 2xx and
 * ConnectionError when there was no answer (refused, reset, timed out, not JSON).
 */
export interface ApiClient {
  get<T extends KubeObject>(
    resource: Resource,
    name: string,
    namespace?: string,
    signal?: AbortSignal,
  ): Promise<T>;
  list<T extends KubeObject>(resource: Resource, options?: ListOptions): Promise<ListPage<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  /** PUT; the object's resourceVersion, when there, makes it conditional. */
  replace<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  /** Server-side apply. `force` takes fields over from other managers. */
  apply<T extends KubeObject>(
    resource: Resource,
    object: T,
    options: WriteOptions & { fieldManager: string; force?: boolean },
  ): Promise<T>;
  delete(resource: Resource, name: string, options?: DeleteOptions): Promise<void>;
  /** Ends when the server ends the watch or `signal` aborts; throws ApiError for an ERROR event (410 and the like). */
  watch<T extends KubeObject>(resource: Resource, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
}
