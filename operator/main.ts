/** The operator's process: flags, signals, health and metrics. */
import { hostname } from 'node:os';
import process from 'node:process';
import { createClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { loadConfig } from '../kube/config.ts';
import { startHttpServer } from '../kube/http-server.ts';
import { createLogger } from '../kube/logger.ts';
import { Operator } from './operator.ts';
import { HELP, type OperatorOptions, parseCommand } from './options.ts';

declare global {
  /** Put in by the bundler. */
  var __VERSION__: string | undefined;
}

const VERSION = globalThis.__VERSION__ ?? 'development';
/** Kubernetes and the contract give five seconds in all. */
const STOP_DEADLINE_MS = 4_500;
const CONNECTIONS = 16;

async function run(options: OperatorOptions): Promise<void> {
  const { kubeconfig, leaderElect, listen, logLevel } = options;
  const identity = options.identity ?? `${hostname()}-${process.pid}`;
  const log = createLogger(logLevel, { program: 'operator', identity });
  const config = await loadConfig({ env: process.env, kubeconfig });
  const namespace = options.namespace ?? config.namespace ?? 'default';
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      stop.abort();
      setTimeout(() => {
        log.error({}, 'could not stop in time');
        process.exit(1);
      }, STOP_DEADLINE_MS).unref();
    });
  }
  const client = createClient(config, {
    log,
    userAgent: `cpu-profile-operator/${VERSION}`,
    connections: CONNECTIONS,
  });
  const operator = new Operator({
    client,
    clock: systemClock,
    random: Math.random,
    log,
    version: VERSION,
    namespace,
    identity,
    leaderElect,
  });
  const server = await startHttpServer({
    listen,
    healthy: () => undefined,
    ready: () => operator.notReady(),
    metrics: async () => ({
      contentType: operator.metrics.registry.contentType,
      body: await operator.metrics.registry.metrics(),
    }),
    log,
  });
  log.info(
    { version: VERSION, cluster: config.source, namespace, leaderElect, port: server.port },
    'started',
  );
  try {
    await operator.run(stop.signal);
  } finally {
    await server.close();
    client.close();
  }
  log.info({}, 'stopped');
}

const command = parseCommand(process.argv.slice(2), process.env);
if ('usageError' in command) {
  process.stderr.write(`operator: ${command.usageError}\n`);
  process.exitCode = 2;
} else if ('print' in command) {
  process.stdout.write(command.print === 'version' ? `${VERSION}\n` : HELP);
} else {
  try {
    await run(command.run);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`operator: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
