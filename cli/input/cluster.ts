/** Access to a cluster, for arguments that name objects: only when --context or --kubeconfig is given. */
import type { ApiClient } from '../../kube/types.ts';
import { ConnectionError } from '../../kube/errors.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { Terminal } from '../terminal.ts';

export interface ClusterFlags {
  readonly context?: string;
  readonly kubeconfig?: string;
}

/** true when the user pointed at a cluster: names are objects then, not files. */
export const namesCluster = (flags: ClusterFlags): boolean =>
  flags.context !== undefined || flags.kubeconfig !== undefined;

/** Runs `use` with a client for the cluster that the flags name. Throws CliFailure with exit code 3 when it does not answer. */
export async function withCluster<T>(
  flags: ClusterFlags,
  terminal: Terminal,
  use: (client: ApiClient) => Promise<T>,
): Promise<T> {
  // Loaded here: the work on files must not pay for TLS and HTTP.
  const [{ loadConfig }, { createClient }] = await Promise.all([
    import('../../kube/config.ts'),
    import('../../kube/client.ts'),
  ]);
  let config;
  try {
    config = await loadConfig({
      env: terminal.env,
      home: terminal.env['HOME'],
      context: flags.context,
      kubeconfig: flags.kubeconfig,
    });
  } catch (error) {
    throw new CliFailure(EXIT.environment, error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
  const client = createClient(config, { userAgent: 'cpuprofile' });
  try {
    return await use(client);
  } catch (error) {
    if (error instanceof ConnectionError) {
      throw new CliFailure(EXIT.environment, `${error.message}; is the API server running?`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    client.close();
  }
}
