/** What a verdict costs: a fleet at once, one pair with its findings, and the command line as a whole process. */
import { API_VERSION } from '../../crds/kinds.ts';
import { parseManifest } from '../../crds/parse.ts';
import { InputError } from '../../profiles/model/input-error.ts';
import { xor32 } from '../../profiles/model/numbers.ts';
import { snapshotFromWire, snapshotToWire, type Snapshot } from '../../profiles/model/snapshot.ts';
import { check } from '../../profiles/verdict/check.ts';
import { createFleet } from '../../profiles/verdict/fleet.ts';
import { BASE_HOSTS } from '../domain/quick-host.ts';
import { benchCommandLine } from './check-processes.ts';
import { p50AndP99 } from './distribution.ts';
import type { Figure } from './figure.ts';
import { hundredProfiles, PROFILES } from './hundred-profiles.ts';

const HOSTS = 10_000;
const FLEET_ROUNDS = 5;
const FINDING_ROUNDS = 40;

/** Figures of one run. Throws when the bundle has not been built or a verdict is not what it should be. */
export const benchCheck = (): Promise<Figure[]> =>
  Promise.resolve([...benchFleet(), ...benchFindings(), ...benchCommandLine()]);

/** Manifests of hosts that all differ: in a part of the brand string, and every third in a feature bit. */
function hostTexts(): string[] {
  return Array.from({ length: HOSTS }, (_, i) => {
    const base = BASE_HOSTS[i % BASE_HOSTS.length];
    if (base === undefined) throw new Error('there is no host to start from');
    const cpuid = base.cpuid.map((entry) => {
      if (entry.leaf === 0x8000_0002) return { ...entry, eax: xor32(entry.eax, i) };
      return entry.leaf === 7 && i % 3 === 0 ? { ...entry, ebx: xor32(entry.ebx, 2 ** (i % 31)) } : entry;
    });
    const spec = snapshotToWire({ ...base, cpuid });
    return JSON.stringify({
      apiVersion: API_VERSION,
      kind: 'CpuSnapshot',
      metadata: { name: `${base.vendor}-${i.toString(16).padStart(16, '0')}` },
      spec,
    });
  });
}

function parse(text: string): { name: string; snapshot: Snapshot } {
  const manifest = parseManifest(JSON.parse(text));
  if (manifest.kind !== 'CpuSnapshot') throw new InputError('kind', 'is not CpuSnapshot');
  return { name: manifest.metadata.name, snapshot: snapshotFromWire(manifest.spec) };
}

function benchFleet(): Figure[] {
  const profiles = hundredProfiles();
  const texts = hostTexts();
  if (new Set(texts).size !== HOSTS) throw new Error('the hosts of the bench do not differ');
  const read: number[] = [];
  const total: number[] = [];
  const verdict: number[] = [];
  let yes = 0;
  for (let round = 0; round < FLEET_ROUNDS; round += 1) {
    const start = performance.now();
    // A fresh fleet each time: profiles are compiled again, nothing is remembered.
    const fleet = createFleet(
      profiles.map((profile) => ({ ...profile })),
      { apiVersion: API_VERSION, parse },
    );
    const hosts = texts.map(fleet.read);
    const middle = performance.now();
    yes = 0;
    for (const host of hosts) {
      for (let i = 0; i < PROFILES; i += 1) yes += Number(fleet.verdict(i, host) === 'Yes');
    }
    const end = performance.now();
    read.push(((middle - start) / HOSTS) * 1000);
    verdict.push(((end - middle) / (HOSTS * PROFILES)) * 1e6);
    total.push(end - start);
  }
  const share = Math.round((100 * yes) / (HOSTS * PROFILES));
  return [
    ...p50AndP99(`10,000 hosts from JSON text x 100 profiles, ${share} % Yes`, total, 'ms', 2000, 2000),
    ...p50AndP99('reading one host from JSON text', read, 'µs', 100),
    ...p50AndP99('one verdict of these', verdict, 'ns', 500),
  ];
}

/** Every pair on its own, with a snapshot that has not been looked at before. */
function benchFindings(): Figure[] {
  const profiles = hundredProfiles().slice(0, 40);
  const times: number[] = [];
  for (let round = 0; round < FINDING_ROUNDS; round += 1) {
    for (const profile of profiles) {
      for (const host of BASE_HOSTS) {
        if (host.vendor !== profile.vendor) continue;
        const fresh = { ...host };
        const start = performance.now();
        const { compatible, findings } = check(profile, fresh);
        const time = (performance.now() - start) * 1000;
        if (compatible === 'No' && findings.length === 0) throw new Error('a No without a finding');
        // The first rounds warm the engine up.
        if (round >= FINDING_ROUNDS / 4) times.push(time);
      }
    }
  }
  return p50AndP99('a verdict with all its findings', times, 'µs', 50, 250);
}
