/** The agent's process: flags, signals, health and metrics. */
import './small-heap.ts';
import process from 'node:process';
import { createClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { loadConfig } from '../kube/config.ts';
import { startHttpServer } from '../kube/http-server.ts';
import { createLogger } from '../kube/logger.ts';
import { runProgram, stopSignal } from '../kube/program.ts';
import { Agent } from './agent.ts';
import { thisMachine } from './machine.ts';
import { createMetrics } from './metrics.ts';
import { HELP, parseCommand, type AgentFlags } from './options.ts';

declare global {
  /** Put in by the bundler. */
  var __VERSION__: string | undefined;
}

const VERSION = globalThis.__VERSION__ ?? 'development';
/** A round that is under way may end; then its connections are cut. */
const GRACE_MS = 2_000;
/** One round asks one thing after the other; events go beside it. */
const CONNECTIONS = 2;

async function run(flags: AgentFlags): Promise<void> {
  const { nodeName, listen, logLevel } = flags;
  const log = createLogger(logLevel, { program: 'agent', node: nodeName });
  const stop = stopSignal(log, systemClock);
  const config = await loadConfig({ env: process.env, kubeconfig: flags.kubeconfig });
  const client = createClient(config, {
    log,
    userAgent: `cpu-profile-agent/${VERSION}`,
    connections: CONNECTIONS,
  });
  const metrics = createMetrics(VERSION, nodeName);
  const agent = new Agent({
    client,
    nodeName,
    machine: thisMachine(flags.device, systemClock),
    intervalMs: flags.probeIntervalSeconds * 1000,
    clock: systemClock,
    random: Math.random,
    log,
    metrics,
  });
  stop.addEventListener('abort', () => {
    setTimeout(() => client.close(), GRACE_MS).unref();
  });
  process.on('SIGHUP', () => {
    log.info({}, 'SIGHUP: probing every CPU');
    agent.requestEveryCpu();
  });
  const server = await startHttpServer({
    listen,
    healthy: () => undefined,
    ready: () => agent.notReady(),
    metrics: async () => ({
      contentType: metrics.registry.contentType,
      body: await metrics.registry.metrics(),
    }),
    log,
  });
  log.info({ version: VERSION, cluster: config.source, device: flags.device, port: server.port }, 'started');
  try {
    await agent.run(stop);
  } finally {
    await server.close();
    client.close();
  }
  log.info({}, 'stopped');
}

await runProgram({
  name: 'agent',
  version: VERSION,
  help: HELP,
  command: parseCommand(process.argv.slice(2), process.env),
  run,
});
