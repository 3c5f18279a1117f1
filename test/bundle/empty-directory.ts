/** The bundles as users get them: alone in a directory with koffi's two packages, far from any node_modules. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class EmptyDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'cpu-profile-bundle-'));

  constructor(program: string) {
    cpSync(join(ROOT, 'dist', `${program}.mjs`), join(this.path, `${program}.mjs`));
    const modules = join(this.path, 'node_modules');
    mkdirSync(join(modules, '@koromix'), { recursive: true });
    cpSync(join(ROOT, 'node_modules/koffi'), join(modules, 'koffi'), { recursive: true });
    for (const name of readdirSync(join(ROOT, 'node_modules/@koromix'))) {
      cpSync(join(ROOT, 'node_modules/@koromix', name), join(modules, '@koromix', name), { recursive: true });
    }
  }

  /** Runs `node <program>.mjs …flags` in the directory, with an environment that holds a PATH and nothing else. */
  run(program: string, flags: readonly string[], input = ''): Run {
    const result = spawnSync(process.execPath, [`${program}.mjs`, ...flags], {
      cwd: this.path,
      env: { PATH: process.env['PATH'] },
      input,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
