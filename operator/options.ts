/** The operator's command line; every flag has an environment variable behind it. */
import { parseArgs } from 'node:util';
import { parseListen } from '../kube/http-server.ts';
import { LOG_LEVELS, type LogLevel } from '../kube/logger.ts';
import type { Command } from '../kube/program.ts';

export interface OperatorOptions {
  readonly kubeconfig: string | undefined;
  /** Of the Lease; undefined: the namespace of the pod's service account or of the kubeconfig's context. */
  readonly namespace: string | undefined;
  /** Who holds the Lease; undefined: host name and process id. */
  readonly identity: string | undefined;
  readonly leaderElect: boolean;
  readonly listen: string;
  readonly logLevel: LogLevel;
}

export const HELP = `usage: operator [flags]

  --kubeconfig FILE       cluster to use; default: the pod's service account [KUBECONFIG]
  --namespace NAME        namespace of the leader election Lease [POD_NAMESPACE]
  --identity NAME         who holds the Lease [POD_NAME]
  --leader-elect BOOL     true: only the holder of the Lease writes; default true [LEADER_ELECT]
  --listen HOST:PORT      /healthz, /readyz and /metrics; default 0.0.0.0:8080 [LISTEN]
  --log-level LEVEL       ${LOG_LEVELS.join(', ')}; default info [LOG_LEVEL]
  --version               print the version and exit
  --help                  print this and exit
`;

const ENVIRONMENT = {
  kubeconfig: 'KUBECONFIG',
  namespace: 'POD_NAMESPACE',
  identity: 'POD_NAME',
  'leader-elect': 'LEADER_ELECT',
  listen: 'LISTEN',
  'log-level': 'LOG_LEVEL',
} as const;
type Flag = keyof typeof ENVIRONMENT;

/** Reads flags, then the environment, then defaults. An empty value counts as none. */
export function parseCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Command<OperatorOptions> {
  let flags: Partial<Record<Flag, string>> & { version?: boolean; help?: boolean };
  try {
    flags = parseFlags(args);
  } catch (error) {
    return { usageError: messageOf(error) };
  }
  if (flags.version === true) return { print: 'version' };
  if (flags.help === true) return { print: 'help' };
  const value = (flag: Flag): string | undefined =>
    [flags[flag], env[ENVIRONMENT[flag]]].find((text) => text);
  const named = (flag: Flag): string => `--${flag} [${ENVIRONMENT[flag]}]`;

  const listen = value('listen') ?? '0.0.0.0:8080';
  try {
    parseListen(listen);
  } catch (error) {
    return { usageError: `${named('listen')}: ${messageOf(error)}` };
  }
  const leaderElect = value('leader-elect') ?? 'true';
  if (leaderElect !== 'true' && leaderElect !== 'false') {
    return { usageError: `${named('leader-elect')} must be true or false, not ${leaderElect}` };
  }
  const wantedLevel = value('log-level') ?? 'info';
  const logLevel = LOG_LEVELS.find((level) => level === wantedLevel);
  if (logLevel === undefined) {
    return { usageError: `${named('log-level')} must be one of ${LOG_LEVELS.join(', ')}` };
  }
  return {
    run: {
      // KUBECONFIG may list several files: the loader reads it itself.
      kubeconfig: flags.kubeconfig === '' ? undefined : flags.kubeconfig,
      namespace: value('namespace'),
      identity: value('identity'),
      leaderElect: leaderElect === 'true',
      listen,
      logLevel,
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const parseFlags = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
      kubeconfig: { type: 'string' },
      namespace: { type: 'string' },
      identity: { type: 'string' },
      'leader-elect': { type: 'string' },
      listen: { type: 'string' },
      'log-level': { type: 'string' },
      version: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }).values;
