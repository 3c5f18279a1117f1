/** Command lines of the servers. */
import { join } from 'node:path';

export interface Addresses {
  /** http, clients of etcd. */
  etcd: number;
  /** http, other etcd members. */
  etcdPeer: number;
  /** https. */
  apiServer: number;
}

/** Files in the directory of a control plane. */
export const files = (directory: string) => ({
  signingKey: join(directory, 'sa.key'),
  verifyKey: join(directory, 'sa.pub'),
  tokens: join(directory, 'tokens.csv'),
  certificates: join(directory, 'certs'),
  /** The certificate the API server makes for itself is its own authority. */
  authority: join(directory, 'certs', 'apiserver.crt'),
  kubeconfig: join(directory, 'kubeconfig'),
});

const http = (port: number): string => `http://127.0.0.1:${String(port)}`;

export const etcdFlags = (directory: string, { etcd, etcdPeer }: Addresses): string[] => [
  `--data-dir=${join(directory, 'etcd')}`,
  '--name=e',
  `--listen-client-urls=${http(etcd)}`,
  `--advertise-client-urls=${http(etcd)}`,
  `--listen-peer-urls=${http(etcdPeer)}`,
  `--initial-advertise-peer-urls=${http(etcdPeer)}`,
  `--initial-cluster=e=${http(etcdPeer)}`,
  '--unsafe-no-fsync',
  '--log-level=error',
];

export const apiServerFlags = (directory: string, { etcd, apiServer }: Addresses): string[] => {
  const { certificates, signingKey, verifyKey, tokens } = files(directory);
  return [
    `--etcd-servers=${http(etcd)}`,
    `--secure-port=${String(apiServer)}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--cert-dir=${certificates}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${signingKey}`,
    `--service-account-key-file=${verifyKey}`,
    `--token-auth-file=${tokens}`,
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    // Without it an open watch holds a terminated server for a minute.
    '--shutdown-watch-termination-grace-period=1s',
  ];
};

/** What a control plane without kubelets has use for, and nothing that takes seconds to begin. */
export const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'daemonset-controller',
  'deployment-controller',
  'replicaset-controller',
  'node-lifecycle-controller',
  'taint-eviction-controller',
] as const;

/** Of these none touches a Node: tests that watch one see only what they are about. */
export const CONTROLLERS_WITHOUT_NODES = CONTROLLERS.filter(
  (name) => name !== 'node-lifecycle-controller' && name !== 'taint-eviction-controller',
);

/** With an admin's kubeconfig the controllers need no service accounts of their own: ready in 0.3 s, not 5 s. */
export const controllerFlags = (
  directory: string,
  port: number,
  controllers: readonly string[],
): string[] => {
  const { kubeconfig, signingKey, authority } = files(directory);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--controllers=${controllers.join(',')}`,
    '--use-service-account-credentials=false',
    `--service-account-private-key-file=${signingKey}`,
    `--root-ca-file=${authority}`,
    ...servingFlags(directory, port),
  ];
};

export const schedulerFlags = (directory: string, port: number): string[] => {
  const { kubeconfig } = files(directory);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    ...servingFlags(directory, port),
  ];
};

const servingFlags = (directory: string, port: number): string[] => [
  '--leader-elect=false',
  '--bind-address=127.0.0.1',
  `--secure-port=${String(port)}`,
  `--cert-dir=${join(directory, `certs-${String(port)}`)}`,
];
