/**
 * Where etcd, the Kubernetes programs and kubectl come from: KUBEBUILDER_ASSETS, else a cache in the home
 * directory, else a build of the Go module beside this file.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { compile } from './compile.ts';
import { isExecutable } from './executable.ts';

export const PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
] as const;
export type Program = (typeof PROGRAMS)[number];

/** What a directory of KUBEBUILDER_ASSETS always holds; the controllers and the scheduler may be missing. */
const ASSETS = ['etcd', 'kube-apiserver', 'kubectl'] as const;

/** The version the server reports; go.mod names the same one. */
export const KUBERNETES_VERSION = 'v1.36.3';
const component = 'k8s.io/component-base/version';
const [major = '', minor = ''] = KUBERNETES_VERSION.slice(1).split('.');
const LINKER_FLAGS = [
  '-s -w',
  `-X ${component}.gitVersion=${KUBERNETES_VERSION}`,
  `-X ${component}.gitMajor=${major}`,
  `-X ${component}.gitMinor=${minor}`,
].join(' ');

const MODULE = join(import.meta.dirname, 'go');

interface Source {
  env?: NodeJS.ProcessEnv;
  home?: string;
}

/** The cache of everything this repository builds or fetches once per machine. */
export const cacheRoot = (home: string = homedir()): string => join(home, '.cache', 'cpu-profile-operator');

/** `<cache>/control-plane-<digest of all that decides what the build gives>`. */
export function cacheDirectory(home?: string): string {
  const hash = createHash('sha256').update(LINKER_FLAGS);
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(MODULE, file)));
  return join(cacheRoot(home), `control-plane-${hash.digest('hex').slice(0, 16)}`);
}

/**
 * A path for every program of `programs`. Builds what is missing, which takes minutes and shows its progress.
 * Throws one error that says what to install when that is impossible.
 */
export async function findBinaries<Name extends Program>(
  programs: readonly Name[],
  { env = process.env, home = homedir() }: Source = {},
): Promise<Record<Name, string>> {
  const assets = env['KUBEBUILDER_ASSETS'];
  const missing =
    assets === undefined || assets === '' ? [] : ASSETS.filter((name) => !isExecutable(join(assets, name)));
  if (missing.length > 0) {
    throw new Error(
      `KUBEBUILDER_ASSETS=${assets ?? ''} has no ${missing.join(', no ')}: point it at a directory with etcd, kube-apiserver and kubectl, or unset it to have them built`,
    );
  }
  const directory = cacheDirectory(home);
  const paths = new Map<string, string>();
  for (const name of programs) {
    const asset = assets === undefined || assets === '' ? undefined : join(assets, name);
    paths.set(name, asset !== undefined && isExecutable(asset) ? asset : join(directory, name));
  }
  if ([...paths.values()].some((path) => path.startsWith(directory) && !isExecutable(path))) {
    await compile({ module: MODULE, linkerFlags: LINKER_FLAGS, directory, names: PROGRAMS, env });
  }
  return Object.fromEntries(paths) as Record<Name, string>;
}
