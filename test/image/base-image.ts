/** A base image without any registry: the Node binary that runs this, and the shared libraries it needs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes the root file system and its Dockerfile into `directory`; answers the Dockerfile's path. */
export function writeBaseImage(directory: string): string {
  const root = join(directory, 'rootfs');
  const node = realpathSync(process.execPath);
  copy(node, join(root, 'usr/local/bin/node'));
  const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const library of libraries) copy(realpathSync(library), join(root, library));
  mkdirSync(join(root, 'tmp'));
  const dockerfile = join(directory, 'base.Dockerfile');
  writeFileSync(dockerfile, 'FROM scratch\nCOPY rootfs /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n');
  return dockerfile;
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
