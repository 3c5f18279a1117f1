/** buildah without a container engine: chroot isolation, plain directories as storage, a store of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Why the image cannot be built here; undefined when it can. */
export function buildahMissing(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root for chroot isolation';
  return spawnSync('buildah', ['--version']).status === 0
    ? undefined
    : 'needs buildah (Debian package buildah)';
}

export class Buildah {
  readonly #flags: readonly string[];

  constructor(directory: string) {
    this.#flags = [
      '--storage-driver',
      'vfs',
      '--root',
      join(directory, 'store'),
      '--runroot',
      join(directory, 'run'),
    ];
  }

  /** Runs one buildah command; answers its trimmed output, throws with its error output. */
  run(command: string, ...args: string[]): string {
    const isolation = command === 'bud' || command === 'run' ? ['--isolation', 'chroot'] : [];
    return execFileSync('buildah', [...this.#flags, command, ...isolation, ...args], {
      encoding: 'utf8',
    }).trim();
  }
}
