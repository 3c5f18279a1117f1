/**
 * A real control plane on 127.0.0.1 for the demo and the tests: etcd and kube-apiserver, on request the CRDs, the
 * controllers and the scheduler. Everything is killed and removed by `stop()`, or when this process dies.
 */
import { mkdtempSync, readdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinaries, type Program } from './binaries.ts';
import { Component, ComponentError } from './component.ts';
import { writeCredentials, writeKubeconfig } from './credentials.ts';
import {
  apiServerFlags,
  CONTROLLERS,
  controllerFlags,
  etcdFlags,
  files,
  schedulerFlags,
  type Addresses,
} from './flags.ts';
import { isHealthy } from './health.ts';
import { runKubectl, type CommandResult } from './kubectl.ts';
import { freePorts } from './ports.ts';
import { guard } from './watchdog.ts';

export interface ControlPlaneOptions {
  /** true: flags.ts' CONTROLLERS; a list: these. */
  controllers?: boolean | readonly string[];
  scheduler?: boolean;
  /** Install crds/*.yaml and wait until they are served. */
  crds?: boolean;
  /** More flags for kube-apiserver, such as --watch-cache=false. */
  apiServerFlags?: readonly string[];
}

export interface ControlPlane {
  /** https://127.0.0.1:PORT */
  readonly url: string;
  /** Of a user in system:masters. */
  readonly token: string;
  readonly caFile: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of the kubectl that `kubectl` runs. */
  readonly kubectlBinary: string;
  /** http://127.0.0.1:PORT of etcd. */
  readonly etcdUrl: string;
  /** Removed by stop(); may hold a caller's own files. */
  readonly directory: string;
  kubectl(args: readonly string[], stdin?: string): Promise<CommandResult>;
  /**
   * Path of a kubeconfig for a service account (`namespace`, `name`; they must exist), its token bound to
   * `boundPod` when given, as a kubelet would bind it. Throws when the server refuses the token.
   */
  serviceAccountKubeconfig(
    namespace: string,
    name: string,
    boundPod?: { name: string; uid: string },
  ): Promise<string>;
  /** SIGKILL; etcd goes on. */
  killApiServer(): Promise<void>;
  /** Same address and data; resolves when it is ready. */
  startApiServer(): Promise<void>;
  restartApiServer(): Promise<void>;
  stop(): Promise<void>;
}

/** etcd alone reserves 128 MB for its log. */
const SHARED_MEMORY_NEEDED = 1 << 30;
const PORT_ATTEMPTS = 3;
const CRDS = join(import.meta.dirname, '..', '..', 'crds');

/** Starts a control plane; about 3 s. Throws with the last lines of the log of what did not start. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const controllers =
    options.controllers === true
      ? CONTROLLERS
      : options.controllers === false
        ? []
        : (options.controllers ?? []);
  const wanted: Program[] = ['etcd', 'kube-apiserver', 'kubectl'];
  if (controllers.length > 0) wanted.push('kube-controller-manager');
  if (options.scheduler === true) wanted.push('kube-scheduler');
  const binaries = await findBinaries(wanted);

  for (let attempt = 1; ; attempt++) {
    const directory = mkdtempSync(join(scratch(), 'cpu-profile-control-plane-'));
    const removeAll = guard(directory);
    try {
      return await startIn(directory, removeAll, binaries, { ...options, controllers });
    } catch (error) {
      await removeAll();
      const portTaken = error instanceof ComponentError && error.log.includes('address already in use');
      if (!portTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startIn(
  directory: string,
  removeAll: () => Promise<void>,
  binaries: Partial<Record<Program, string>>,
  options: ControlPlaneOptions & { controllers: readonly string[] },
): Promise<ControlPlane> {
  const [etcdPort = 0, etcdPeer = 0, apiServer = 0, controllersPort = 0, schedulerPort = 0] =
    await freePorts(5);
  const addresses: Addresses = { etcd: etcdPort, etcdPeer, apiServer };
  const url = `https://127.0.0.1:${String(apiServer)}`;
  const { authority, kubeconfig } = files(directory);
  const token = writeCredentials(directory);
  writeKubeconfig(kubeconfig, { url, authority }, 'admin', token);

  const running = new Map<Program, Component>();
  const start = (name: Program, flags: readonly string[]): Component => {
    const component = new Component(name, binaries[name] ?? name, flags, directory);
    running.set(name, component);
    return component;
  };
  const startApiServer = async (): Promise<void> => {
    const component = start('kube-apiserver', [
      ...apiServerFlags(directory, addresses),
      ...(options.apiServerFlags ?? []),
    ]);
    await component.ready(() => isHealthy(`${url}/readyz`, { authority, token }));
  };
  const killApiServer = async (): Promise<void> => {
    await running.get('kube-apiserver')?.kill();
  };
  const kubectlBinary = binaries.kubectl ?? 'kubectl';
  const plane: ControlPlane = {
    url,
    token,
    caFile: authority,
    kubeconfig,
    kubectlBinary,
    etcdUrl: `http://127.0.0.1:${String(etcdPort)}`,
    directory,
    kubectl: (args, stdin) => runKubectl(kubectlBinary, kubeconfig, args, stdin),
    serviceAccountKubeconfig: async (namespace, name, boundPod) => {
      const bound =
        boundPod === undefined
          ? []
          : [
              '--bound-object-kind=Pod',
              `--bound-object-name=${boundPod.name}`,
              `--bound-object-uid=${boundPod.uid}`,
            ];
      const minted = await must(plane, ['create', 'token', name, `--namespace=${namespace}`, ...bound]);
      const path = join(directory, `kubeconfig-${namespace}-${name}-${boundPod?.name ?? 'unbound'}`);
      writeKubeconfig(path, { url, authority }, `${namespace}:${name}`, minted.trim());
      return path;
    },
    killApiServer,
    startApiServer,
    restartApiServer: async () => {
      await killApiServer();
      await startApiServer();
    },
    stop: async () => {
      await Promise.all([...running.values()].map((component) => component.kill()));
      await removeAll();
    },
  };

  try {
    // The API server tries again until etcd answers: waiting for etcd first would only take longer.
    const etcd = start('etcd', etcdFlags(directory, addresses));
    await startApiServer().catch((error: unknown) => {
      if (etcd.running) throw error;
      throw new ComponentError('etcd ended', etcd.lastLines());
    });
    // Before the controllers: the garbage collector learns of a later CRD only after half a minute.
    if (options.crds === true) await installCrds(plane);
    const others: Promise<void>[] = [];
    if (options.controllers.length > 0) {
      const component = start(
        'kube-controller-manager',
        controllerFlags(directory, controllersPort, options.controllers),
      );
      const needsAccounts = options.controllers.includes('serviceaccount-controller');
      others.push(
        component.ready(
          async () =>
            (await isHealthy(`https://127.0.0.1:${String(controllersPort)}/healthz`)) &&
            (!needsAccounts ||
              (await isHealthy(`${url}/api/v1/namespaces/default/serviceaccounts/default`, {
                authority,
                token,
              }))),
        ),
      );
    }
    if (options.scheduler === true) {
      const component = start('kube-scheduler', schedulerFlags(directory, schedulerPort));
      others.push(component.ready(() => isHealthy(`https://127.0.0.1:${String(schedulerPort)}/healthz`)));
    }
    await Promise.all(others);
    return plane;
  } catch (error) {
    await Promise.all([...running.values()].map((component) => component.kill()));
    throw error;
  }
}

async function installCrds(plane: ControlPlane): Promise<void> {
  const manifests = readdirSync(CRDS).filter((name) => name.endsWith('.yaml'));
  if (manifests.length === 0) throw new Error(`no manifests in ${CRDS}: run npm run generate`);
  const named = manifests.map((name) => `--filename=${join(CRDS, name)}`);
  await must(plane, ['apply', '--server-side', ...named]);
  await must(plane, ['wait', '--for=condition=Established', '--timeout=30s', ...named]);
}

async function must(plane: ControlPlane, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await plane.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stderr}`);
  return stdout;
}

/** Memory when there is plenty: the disk under /tmp may be slow or small. */
function scratch(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    if (bavail * bsize >= SHARED_MEMORY_NEEDED) return '/dev/shm';
  } catch {
    // Not Linux.
  }
  return tmpdir();
}
