/** The agent's command line; every flag has an environment variable behind it, for the chart. */
import { parseArgs } from 'node:util';
import { parseListen } from '../kube/http-server.ts';
import { LOG_LEVELS, type LogLevel } from '../kube/logger.ts';
import type { Command } from '../kube/program.ts';

export interface AgentFlags {
  readonly nodeName: string;
  readonly kubeconfig: string | undefined;
  readonly device: string;
  readonly probeIntervalSeconds: number;
  readonly listen: string;
  readonly logLevel: LogLevel;
}

export const HELP = `usage: agent [flags]

  --node-name NAME           the Node this agent runs on; required [NODE_NAME]
  --kubeconfig FILE          cluster to use; default: the pod's service account [KUBECONFIG]
  --device PATH              KVM device; default /dev/kvm [KVM_DEVICE]
  --probe-interval SECONDS   between two probes; default 600 [PROBE_INTERVAL]
  --listen HOST:PORT         /healthz, /readyz and /metrics; default 0.0.0.0:8081 [LISTEN]
  --log-level LEVEL          ${LOG_LEVELS.join(', ')}; default info [LOG_LEVEL]
  --version                  print the version and exit
  --help                     print this and exit

SIGHUP probes every CPU at once.
`;

const ENVIRONMENT = {
  'node-name': 'NODE_NAME',
  kubeconfig: 'KUBECONFIG',
  device: 'KVM_DEVICE',
  'probe-interval': 'PROBE_INTERVAL',
  listen: 'LISTEN',
  'log-level': 'LOG_LEVEL',
} as const;
type Flag = keyof typeof ENVIRONMENT;

const LONGEST_INTERVAL = 86_400;

/** Reads flags, then the environment, then defaults. An empty value counts as none. */
export function parseCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Command<AgentFlags> {
  let flags: ReturnType<typeof parseFlags>;
  try {
    flags = parseFlags(args);
  } catch (error) {
    return { usageError: messageOf(error) };
  }
  if (flags.version === true) return { print: 'version' };
  if (flags.help === true) return { print: 'help' };
  const value = (flag: Flag): string | undefined =>
    [flags[flag], env[ENVIRONMENT[flag]]].find((text) => text !== undefined && text !== '');
  const wrong = (flag: Flag, why: string): Command<AgentFlags> => ({
    usageError: `--${flag} [${ENVIRONMENT[flag]}] ${why}`,
  });

  const nodeName = value('node-name');
  if (nodeName === undefined)
    return wrong('node-name', 'is required: the name of the Node this agent runs on');
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(nodeName)) {
    return wrong('node-name', `is ${JSON.stringify(nodeName)}, which is no name of a Node`);
  }
  const interval = value('probe-interval') ?? '600';
  const probeIntervalSeconds = /^\d{1,6}$/.test(interval) ? Number(interval) : 0;
  if (probeIntervalSeconds < 1 || probeIntervalSeconds > LONGEST_INTERVAL) {
    return wrong(
      'probe-interval',
      `must be whole seconds from 1 to ${LONGEST_INTERVAL}, not ${JSON.stringify(interval)}`,
    );
  }
  const listen = value('listen') ?? '0.0.0.0:8081';
  try {
    parseListen(listen);
  } catch (error) {
    return wrong('listen', messageOf(error));
  }
  const wantedLevel = value('log-level') ?? 'info';
  const logLevel = LOG_LEVELS.find((level) => level === wantedLevel);
  if (logLevel === undefined) return wrong('log-level', `must be one of ${LOG_LEVELS.join(', ')}`);
  return {
    run: {
      nodeName,
      // KUBECONFIG may list several files: the loader reads it itself.
      kubeconfig: flags.kubeconfig,
      device: value('device') ?? '/dev/kvm',
      probeIntervalSeconds,
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
      'node-name': { type: 'string' },
      kubeconfig: { type: 'string' },
      device: { type: 'string' },
      'probe-interval': { type: 'string' },
      listen: { type: 'string' },
      'log-level': { type: 'string' },
      version: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }).values;
