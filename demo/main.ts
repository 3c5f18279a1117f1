/** `npm run demo`: the whole path on this machine, shown with kubectl's own output. `--once` ends by itself. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { EVENTS, PODS } from '../kube/core.ts';
import { createClient } from '../kube/client.ts';
import { loadConfig } from '../kube/config.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import type { ApiClient, KubeObject } from '../kube/types.ts';
import { configMapName, CPU_PROFILES, NODE_CPUS, profileLabel } from '../crds/kinds.ts';
import type { CpuProfileStatus } from '../crds/cpu-profile.ts';
import type { NodeCpuStatus } from '../crds/node-cpu.ts';
import { freePorts } from '../test/control-plane/ports.ts';
import { startControlPlane, type ControlPlane } from '../test/control-plane/start.ts';
import { createNode } from './nodes.ts';
import { vmmPod } from './pods.ts';
import { Programs } from './programs.ts';
import { recordedNodes, runRecorded } from './recorded.ts';
import { heading, kubectl, say, until } from './show.ts';

const DEVICE = '/dev/kvm';
const THIS_NODE = 'this-machine';
const NAMESPACE = 'vms';
const CLI = join(import.meta.dirname, '..', 'dist', 'cpuprofile.mjs');
const HOSTS = recordedNodes({
  'recorded-rome': 'linux-6.12-epyc-rome',
  'recorded-rome-no-clwb': 'linux-6.12-epyc-rome-no-clwb',
  'recorded-milan': 'linux-6.12-epyc-milan',
  'recorded-skylake': 'firecracker-guest-skylake',
});
/** No node-lifecycle controller: without kubelets it would declare every node dead. */
const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
];

// What kubectl prints one line an entry, and the same everywhere.
const LABELS = 'go-template={{range $key, $value := .metadata.labels}}{{$key}}={{$value}}{{"\\n"}}{{end}}';
const FILES =
  'go-template={{range $name, $file := .data}}{{printf "%-30s %7d bytes\\n" $name (len $file)}}{{end}}';
const VERDICTS =
  'go-template={{range .status.verdicts}}{{.profile}}: {{.compatible}} {{.reason}} {{.message}}{{"\\n"}}{{end}}';

function kvmUsable(): boolean {
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
    execFileSync(process.execPath, [CLI, 'probe', '-o', 'table'], { stdio: ['ignore', 'ignore', 'inherit'] });
    return true;
  } catch {
    return false;
  }
}

/** A CpuProfile manifest of the given host, as the command line makes it. */
function generate(name: string, file?: string): string {
  const snapshot =
    file === undefined
      ? []
      : ['--snapshot', join(import.meta.dirname, '..', 'test', 'hosts', `${file}.json`)];
  return execFileSync(process.execPath, [CLI, 'generate', name, ...snapshot], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

async function run(plane: ControlPlane, client: ApiClient, stop: AbortSignal, once: boolean): Promise<void> {
  const kvm = kvmUsable();
  const own = kvm ? 'this-machine-v1' : 'rome-v1';
  say(
    kvm
      ? `${DEVICE} is usable: this machine is the node ${THIS_NODE}.`
      : `${DEVICE} is not usable here: going on with recorded hosts only.`,
  );

  heading('Operator and agent, as processes of their own');
  const programs = new Programs(plane.directory);
  const [operatorPort = 0, agentPort = 0] = await freePorts(2);
  const common = [`--kubeconfig=${plane.kubeconfig}`];
  const logs = [
    programs.start('operator', [
      ...common,
      '--namespace=default',
      `--listen=127.0.0.1:${String(operatorPort)}`,
    ]),
  ];
  if (kvm) {
    await createNode(client, THIS_NODE, {});
    logs.push(
      programs.start('agent', [
        ...common,
        `--node-name=${THIS_NODE}`,
        `--listen=127.0.0.1:${String(agentPort)}`,
      ]),
    );
  }
  for (const host of HOSTS) {
    await createNode(client, host.node, host.annotations);
    void runRecorded(client, host, silentLogger, stop);
  }
  say(
    `logs: ${logs.join(' ')}\nrecorded hosts, as further nodes: ${HOSTS.map(({ node }) => node).join(' ')}`,
  );

  try {
    heading('A namespace that wants profiles, and four CpuProfiles');
    await kubectl(plane, ['create', 'namespace', NAMESPACE]);
    await kubectl(plane, ['label', 'namespace', NAMESPACE, 'cpuprofiles.dev/delivery=enabled']);
    if (kvm) {
      say(`$ cpuprofile generate ${own} | kubectl apply -f -`);
      await kubectl(plane, ['apply', '-f', '-'], generate(own));
    }
    await kubectl(plane, ['apply', '-f', '-'], generate('rome-v1', 'linux-6.12-epyc-rome'));
    await kubectl(plane, ['apply', '-f', join('examples', 'cpuprofile-catalog.yaml')]);
    await kubectl(plane, ['apply', '-f', join('examples', 'cpuprofile-broken.yaml')]);
    await settled(client, own, kvm);

    heading('Profiles with the number of nodes that can run them; nodes and what was found on them');
    await kubectl(plane, ['get', 'cpuprofiles']);
    await kubectl(plane, ['get', 'nodecpus']);
    await kubectl(plane, ['get', 'cpusnapshots']);
    await kubectl(plane, [
      'get',
      'nodes',
      '-L',
      `cpuprofiles.dev/vendor,${profileLabel(own)},${profileLabel('rome-v1')}`,
    ]);
    if (kvm) await kubectl(plane, ['get', 'node', THIS_NODE, '-o', LABELS]);

    heading('Why not: the broken profile, and one verdict in words');
    await kubectl(plane, [
      'get',
      'cpuprofile',
      'broken',
      '-o',
      'jsonpath={.status.conditions[?(@.type=="Accepted")].message}',
    ]);
    await kubectl(plane, ['get', 'nodecpu', 'recorded-rome-no-clwb', '-o', VERDICTS]);

    heading('The ConfigMap that VMM pods mount');
    await kubectl(plane, ['get', 'configmaps', '-n', NAMESPACE, '-L', 'cpuprofiles.dev/profile']);
    await kubectl(plane, ['get', 'configmap', configMapName(own), '-n', NAMESPACE, '-o', FILES]);

    heading('Two pods that ask for a profile: one finds a node, the other says why not');
    await kubectl(plane, ['apply', '-n', NAMESPACE, '-f', '-'], JSON.stringify(vmmPod('vmm', own)));
    await kubectl(
      plane,
      ['apply', '-n', NAMESPACE, '-f', '-'],
      JSON.stringify(vmmPod('vmm-skylake', 'skylake')),
    );
    await scheduled(client);
    await kubectl(plane, ['get', 'pods', '-n', NAMESPACE, '-o', 'wide']);
    await kubectl(plane, [
      'get',
      'events',
      '-n',
      NAMESPACE,
      '--field-selector',
      'involvedObject.name=vmm-skylake,reason=FailedScheduling',
      '-o',
      'custom-columns=REASON:.reason,MESSAGE:.message',
    ]);
    say('(No kubelet runs here: a scheduled pod has its NODE and stays Pending.)');

    if (!once) {
      heading('It keeps running. In another terminal:');
      say(
        `  export KUBECONFIG=${plane.kubeconfig}\n  kubectl get cpuprofiles,nodecpus,cpusnapshots      # or ${plane.kubectlBinary}\n\nCtrl-C ends it and removes everything.`,
      );
      await new Promise((resolve) => {
        stop.addEventListener('abort', resolve, { once: true });
      });
    }
  } finally {
    await programs.stop();
  }
}

/** Every node has spoken about every good profile, the operator has counted it, and the ConfigMaps are there. */
async function settled(client: ApiClient, own: string, kvm: boolean): Promise<void> {
  const nodes = HOSTS.length + (kvm ? 1 : 0);
  for (const name of new Set([own, 'rome-v1', 'skylake'])) {
    await until(`the nodes' verdicts on ${name}`, async () => {
      const { items } = await client.list<KubeObject & { status?: NodeCpuStatus }>(NODE_CPUS);
      const verdicts = items.flatMap(
        ({ status }) => status?.verdicts?.find(({ profile }) => profile === name) ?? [],
      );
      const { status } = await client.get<KubeObject & { status?: CpuProfileStatus }>(CPU_PROFILES, name);
      const yes = verdicts.filter(({ compatible }) => compatible === 'Yes').length;
      const no = verdicts.filter(({ compatible }) => compatible === 'No').length;
      const counted = status?.nodes?.compatible === yes && status.nodes.incompatible === no;
      return verdicts.length === nodes && counted && status.configMaps === 1 ? true : undefined;
    });
  }
  await until('the broken profile to be refused', async () => {
    const { status } = await client.get<KubeObject & { status?: CpuProfileStatus }>(CPU_PROFILES, 'broken');
    const accepted = status?.conditions?.find(({ type }) => type === 'Accepted');
    return accepted?.status === 'False' ? true : undefined;
  });
}

async function scheduled(client: ApiClient): Promise<void> {
  await until('the pod to be bound to a node', async () => {
    const pod = await client.get<KubeObject & { spec?: { nodeName?: string } }>(PODS, 'vmm', NAMESPACE);
    return pod.spec?.nodeName;
  });
  await until('the other pod to be refused', async () => {
    const { items } = await client.list<KubeObject & { reason?: string }>(EVENTS, { namespace: NAMESPACE });
    return items.some(({ reason }) => reason === 'FailedScheduling') ? true : undefined;
  });
}

const once = process.argv.includes('--once');
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort();
  });
}

heading('A local control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler');
const plane = await startControlPlane({ crds: true, scheduler: true, controllers: CONTROLLERS });
const client = createClient(await loadConfig({ env: {}, kubeconfig: plane.kubeconfig }), {
  userAgent: 'demo',
});
try {
  await kubectl(plane, ['version']);
  await kubectl(plane, ['api-resources', '--api-group=cpuprofiles.dev']);
  await run(plane, client, stop.signal, once);
} catch (error) {
  if (!stop.signal.aborted) {
    console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
} finally {
  stop.abort();
  client.close();
  await plane.stop();
}
