/** The operator's process: flags, signals, health and metrics. */
import { hostname } from 'node:os';
import process from 'node:process';
import { createClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { loadConfig } from '../kube/config.ts';
import { startHttpServer } from '../kube/http-server.ts';
import { createLogger } from '../kube/logger.ts';
import { runProgram, stopSignal } from '../kube/program.ts';
import { Operator } from './operator.ts';
import { HELP, type OperatorOptions, parseCommand } from './options.ts';

declare global {
  /** Put in by the bundler. */
  var __VERSION__: string | undefined;
}

const VERSION = globalThis.__VERSION__ ?? 'development';
const CONNECTIONS = 16;

async function run(options: OperatorOptions): Promise<void> {
  const { kubeconfig, leaderElect, listen, logLevel } = options;
  const identity = options.identity ?? `${hostname()}-${process.pid}`;
  const log = createLogger(logLevel, { program: 'operator', identity });
  const config = await loadConfig({ env: process.env, kubeconfig });
  const namespace = options.namespace ?? config.namespace ?? 'default';
  const stop = stopSignal(log, systemClock);
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
    await operator.run(stop);
  } finally {
    await server.close();
    client.close();
  }
  log.info({}, 'stopped');
}

await runProgram({
  name: 'operator',
  version: VERSION,
  help: HELP,
  command: parseCommand(process.argv.slice(2), process.env),
  run,
});
