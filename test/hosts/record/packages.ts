/** Debian packages, downloaded and unpacked into a folder: nothing is installed, nothing needs root. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const run = (command: string, args: readonly string[], cwd?: string): string =>
  execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(cwd !== undefined && { cwd }),
  });

/** The newest package whose name matches, such as a kernel's ABI package. */
export function newestPackage(prefix: string, pattern: RegExp): string {
  const names = run('apt-cache', ['pkgnames', prefix])
    .split('\n')
    .filter((name) => pattern.test(name));
  names.sort((left, right) => left.localeCompare(right, 'en', { numeric: true }));
  const newest = names.at(-1);
  if (newest === undefined) throw new Error(`no package ${prefix}… in the package lists: run apt-get update`);
  return newest;
}

/** `names` and every package that installing them would bring along here. */
export function withDependencies(names: readonly string[]): string[] {
  const plan = run('apt-get', ['--simulate', '--no-install-recommends', 'install', ...names]);
  return [...new Set([...names, ...[...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '')])];
}

/** Downloads and unpacks into `<folder>/root`, once. */
export function unpack(folder: string, names: readonly string[]): string {
  const root = join(folder, 'root');
  if (existsSync(root)) return root;
  mkdirSync(folder, { recursive: true });
  run('apt-get', ['download', ...names], folder);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
    run('dpkg', ['-x', join(folder, file), `${root}.partial`]);
  }
  run('mv', [`${root}.partial`, root]);
  return root;
}
