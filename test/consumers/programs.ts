/** Other people's programs that read our files: where they are on this machine, and which version. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

export interface Program {
  readonly path: string;
  /** The first line of what `--version` says. */
  readonly version: string;
}

/** The program of that name on the PATH; `undefined` where it is not installed or does not run. */
export function program(name: string): Program | undefined {
  const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return undefined;
  return { path: name, version: stdout.split('\n')[0] ?? '' };
}

/** Why a suite is skipped, as part of its name; '' when it is not. */
export const missing = (what: string, there: boolean): string => (there ? '' : ` (skipped: ${what})`);

export const usableKvm = ((): boolean => {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
})();
