/** Where the API server is and what to show it: the pod's service account, or a kubeconfig file. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from './clock.ts';
import { type ClusterConfig, ConfigError, type Credentials } from './cluster-config.ts';
import { FollowedFile } from './followed-file.ts';

export { type ClusterConfig, ConfigError };

export interface LoadConfigOptions {
  /** The process's environment: KUBECONFIG, KUBERNETES_SERVICE_HOST and _PORT; exec plugins inherit it. */
  env: Readonly<Record<string, string | undefined>>;
  /** A file that must exist; goes before everything else. */
  kubeconfig?: string | undefined;
  /** A context other than the file's current one. */
  context?: string | undefined;
  /** Home directory: its `.kube/config` is the last resort. For people's tools, not for pods. */
  home?: string | undefined;
  clock?: Clock;
  /** For tests. */
  serviceAccountDirectory?: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * --kubeconfig, else KUBECONFIG (several files are merged as kubectl does), else the pod's service account,
 * else `~/.kube/config` where `home` is given.
 * @throws ConfigError
 */
export const loadConfig = async (options: LoadConfigOptions): Promise<ClusterConfig> => {
  const { env, kubeconfig, context, home } = options;
  const clock = options.clock ?? systemClock;
  const fromFiles = async (files: string[]): Promise<ClusterConfig> => {
    // Only here, so that a pod does not pay for the YAML parser and the schema.
    const { loadKubeconfig } = await import('./kubeconfig.ts');
    return loadKubeconfig({ files, context, env, clock });
  };
  if (kubeconfig !== undefined && kubeconfig !== '') return fromFiles([kubeconfig]);
  const listed = (env['KUBECONFIG'] ?? '').split(':').filter((file) => file !== '');
  if (listed.length > 0) return fromFiles(listed);
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined && context === undefined)
    return inCluster(env, options.serviceAccountDirectory ?? SERVICE_ACCOUNT, clock);
  if (home !== undefined && home !== '') return fromFiles([join(home, '.kube', 'config')]);
  throw new ConfigError(
    'no cluster: give --kubeconfig or KUBECONFIG, or run in a pod with a service account',
  );
};

const inCluster = async (
  env: LoadConfigOptions['env'],
  directory: string,
  clock: Clock,
): Promise<ClusterConfig> => {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const address = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(address))
    throw new ConfigError(
      `KUBERNETES_SERVICE_HOST and _PORT give ${JSON.stringify(address)}, which is no address`,
    );
  const token = new FollowedFile(join(directory, 'token'), clock);
  const ca = new FollowedFile(join(directory, 'ca.crt'), clock);
  const credentials = async (): Promise<Credentials> => ({
    token: (await token.read()).trim(),
    ca: await ca.read(),
  });
  try {
    await credentials();
  } catch (cause) {
    throw new ConfigError(
      `the pod's service account cannot be read (${String(cause)}): is automountServiceAccountToken off?`,
      { cause },
    );
  }
  const namespace = await readFile(join(directory, 'namespace'), 'utf8').catch(() => '');
  return {
    source: "the pod's service account",
    server: new URL(address),
    namespace: namespace.trim() === '' ? undefined : namespace.trim(),
    credentials,
    forgetCredentials: () => {
      token.forget();
      ca.forget();
    },
  };
};
