/** A PROFILE argument: a manifest file, `catalog:NAME`, or an object of a cluster. */
import { CPU_PROFILES } from '../../crds/kinds.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/types.ts';
import { catalogEntry } from '../../profiles/catalog/catalog.ts';
import { accept, type Acceptance } from '../../profiles/make/accept.ts';
import type { ProfileSpecWire } from '../../profiles/make/resolve.ts';
import { unknownEntry } from '../../profiles/make/unknown-entry.ts';
import type { Profile } from '../../profiles/model/profile.ts';
import { badInput, CliFailure, EXIT } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { namesCluster, withCluster, type ClusterFlags } from './cluster.ts';
import { readManifests } from './manifests.ts';

export interface NamedSpec {
  readonly name: string;
  readonly origin: string;
  readonly spec: ProfileSpecWire;
}

export interface NamedProfile extends NamedSpec {
  readonly profile: Profile;
  readonly digest: string;
}

const CATALOG = 'catalog:';

/** Reads the manifests behind PROFILE arguments, in their order. */
export async function loadSpecs(
  names: readonly string[],
  flags: ClusterFlags,
  terminal: Terminal,
): Promise<NamedSpec[]> {
  const specs: NamedSpec[] = [];
  for (const name of names) {
    if (name.startsWith(CATALOG)) specs.push(fromCatalog(name.slice(CATALOG.length)));
    else if (namesCluster(flags)) specs.push(await fromCluster(name, flags, terminal));
    else specs.push(...(await fromFile(name)));
  }
  return specs;
}

/** The same, resolved. A profile that is not acceptable is bad input. */
export async function loadProfiles(
  names: readonly string[],
  flags: ClusterFlags,
  terminal: Terminal,
): Promise<NamedProfile[]> {
  return (await loadSpecs(names, flags, terminal)).map((named) => {
    const acceptance = acceptSpec(named);
    if (!acceptance.accepted) throw badInput(named.origin, acceptance.message);
    return {
      ...named,
      profile: acceptance.profile,
      get digest() {
        return acceptance.digest;
      },
    };
  });
}

export const acceptSpec = ({ name, spec }: NamedSpec): Acceptance => accept(name, spec);

function fromCatalog(name: string): NamedSpec {
  const entry = catalogEntry(name);
  if (entry === undefined) {
    throw new CliFailure(EXIT.badInput, `${CATALOG}${name}: ${unknownEntry(name)}`);
  }
  return { name, origin: `${CATALOG}${name}`, spec: { vendor: entry.vendor, catalog: name } };
}

async function fromFile(path: string): Promise<NamedSpec[]> {
  return (await readManifests(path)).map(({ origin, manifest }) => {
    if (manifest.kind !== 'CpuProfile')
      throw badInput(origin, `kind: expected CpuProfile, found ${manifest.kind}`);
    return { name: manifest.metadata.name, origin, spec: manifest.spec };
  });
}

async function fromCluster(name: string, flags: ClusterFlags, terminal: Terminal): Promise<NamedSpec> {
  const origin = `CpuProfile ${name}`;
  const { parseObject } = await import('../../crds/parse.ts');
  return await withCluster(flags, terminal, async (client) => {
    const object = await client.get<KubeObject>(CPU_PROFILES, name).catch((error: unknown) => {
      if (isNotFound(error)) throw new CliFailure(EXIT.badInput, `${origin}: not found in the cluster`);
      throw error;
    });
    return { name, origin, spec: parseObject('CpuProfile', object).spec };
  });
}
