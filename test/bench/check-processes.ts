/** `cpuprofile check` as people run it: the bundle, from start to exit. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { dump } from 'js-yaml';
import { API_VERSION } from '../../crds/kinds.ts';
import { catalogNames } from '../../profiles/catalog/catalog.ts';
import { profileDataToWire } from '../../profiles/model/profile.ts';
import { snapshotToWire } from '../../profiles/model/snapshot.ts';
import { recordedHosts } from '../hosts/recorded-hosts.ts';
import { hundredProfiles } from './hundred-profiles.ts';
import { p50AndP99 } from './distribution.ts';
import type { Figure } from './figure.ts';

const COMMAND = join(import.meta.dirname, '..', '..', 'dist', 'cpuprofile.mjs');
const RUNS = 20;
/** Yes, No and Unknown: the program has answered. */
const ANSWERS = [0, 1, 4];

export function benchCommandLine(): Figure[] {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing: run npm run build`);
  const folder = mkdtempSync(join(tmpdir(), 'cpuprofile-bench-'));
  try {
    const { snapshot, json, yaml } = writeFiles(folder);
    const [name] = catalogNames();
    const catalog = Array.from(
      { length: 100 },
      (_, i) => `catalog:${catalogNames()[i % catalogNames().length] ?? ''}`,
    );
    return [
      ...figures('node alone', [], 100, ['-e', '']),
      ...figures('check of one pair', [`catalog:${name ?? ''}`, '--snapshot', snapshot], 100),
      ...figures('check of 100 catalogue profiles on this host', catalog, 120),
      ...figures('check of 100 JSON files on this host', json, 180),
      // No promise: YAML is what people write, and reading it costs what it costs.
      ...figures('check of 100 YAML files on this host', yaml, 1000),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeFiles(folder: string): { snapshot: string; json: string[]; yaml: string[] } {
  const [host] = recordedHosts();
  if (host === undefined) throw new Error('there is no recorded host');
  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const manifest = (kind: string, name: string, spec: unknown): object => ({
    apiVersion: API_VERSION,
    kind,
    metadata: { name },
    spec,
  });
  const profiles = hundredProfiles().map(({ vendor, data }, i) =>
    manifest('CpuProfile', `bench-${i}`, { vendor, data: profileDataToWire(data) }),
  );
  return {
    snapshot: write(
      'snapshot.json',
      JSON.stringify(manifest('CpuSnapshot', 'bench', snapshotToWire(host.snapshot))),
    ),
    json: profiles.map((profile, i) => write(`${i}.json`, JSON.stringify(profile))),
    yaml: profiles.map((profile, i) => write(`${i}.yaml`, dump(profile))),
  };
}

function figures(
  name: string,
  flags: readonly string[],
  budget: number,
  instead?: readonly string[],
): Figure[] {
  const args = instead ?? [COMMAND, 'check', ...flags];
  const times = Array.from({ length: RUNS }, () => {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    const time = performance.now() - start;
    if (!ANSWERS.includes(status ?? -1)) throw new Error(`${name}: exit ${String(status)}: ${stderr}`);
    return time;
  });
  return p50AndP99(name, times, 'ms', budget);
}
