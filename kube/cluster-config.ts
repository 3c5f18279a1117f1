/** What the client needs to know of a cluster, wherever it was read from. */

/** What a request presents. PEM texts; `ca` absent means the roots that Node trusts. Never log one. */
export interface Credentials {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
}

export interface ClusterConfig {
  /** For messages: `kubeconfig /path, context x`, `the pod's service account`. */
  readonly source: string;
  readonly server: URL;
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** The namespace of the context or the pod. */
  readonly namespace?: string | undefined;
  /** What to present now: files that changed are read again, an expired token is renewed. Cheap enough for every request. */
  credentials(): Promise<Credentials>;
  /** The server answered 401: take nothing from memory next time. */
  forgetCredentials(): void;
}

const MAX_MESSAGE = 2000;

/** The configuration cannot be used; the message names the file, the entry and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** Names out of a file may be of any length; an error ends somewhere. */
  constructor(message: string, options?: ErrorOptions) {
    super(message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE)}…`, options);
  }
}
