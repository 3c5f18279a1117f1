/** The initrd of a recording: busybox, Node with its libraries, koffi, the KVM modules and the bundled guest program. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';

const MODULES = ['irqbypass', 'kvm', 'kvm-amd'];

export const END_MARKER = 'recording-ended';

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
for module in ${MODULES.join(' ')}; do /bin/busybox insmod /modules/$module.ko; done
cd /app && /bin/node guest.mjs >/dev/ttyS1 2>&1
echo "${END_MARKER} $?" >/dev/ttyS1
/bin/busybox poweroff -f
`;

/** Builds `<work>/<kernel>.cpio` and returns its path. `roots` are unpacked packages: the kernel's and busybox's. */
export async function buildInitrd(
  work: string,
  kernel: string,
  roots: { readonly kernel: string; readonly busybox: string },
): Promise<string> {
  const tree = join(work, `initrd-${kernel}`);
  rmSync(tree, { recursive: true, force: true });
  for (const folder of ['bin', 'dev', 'proc', 'sys', 'tmp', 'modules', 'app'])
    mkdirSync(join(tree, folder), { recursive: true });
  copyFileSync(join(roots.busybox, 'bin/busybox'), join(tree, 'bin/busybox'));
  copyFileSync(process.execPath, join(tree, 'bin/node'));
  for (const library of librariesOf(process.execPath)) {
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    copyFileSync(library, join(tree, library));
  }
  for (const name of ['koffi', '@koromix/koffi-linux-x64']) {
    cpSync(join('node_modules', name), join(tree, 'app/node_modules', name), { recursive: true });
  }
  for (const module of MODULES) unpackModule(roots.kernel, module, join(tree, `modules/${module}.ko`));
  await build({
    entryPoints: ['test/hosts/record/guest.ts'],
    outfile: join(tree, 'app/guest.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
  });
  writeFileSync(join(tree, 'init'), INIT);
  chmodSync(join(tree, 'init'), 0o755);
  const file = join(work, `${kernel}.cpio`);
  const script = `find . | '${join(roots.busybox, 'bin/busybox')}' cpio -o -H newc >'${file}'`;
  execFileSync('sh', ['-c', script], { cwd: tree, stdio: ['ignore', 'ignore', 'pipe'] });
  return file;
}

/** Absolute paths of the shared objects a program is linked to, its loader among them. */
function librariesOf(program: string): string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  const koffi = [
    '/lib/x86_64-linux-gnu/libdl.so.2',
    '/lib/x86_64-linux-gnu/librt.so.1',
    '/lib/x86_64-linux-gnu/libpthread.so.0',
  ];
  return [...new Set([...[...text.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? ''), ...koffi])];
}

/** Debian compresses modules from 6.12 on. */
function unpackModule(root: string, module: string, target: string): void {
  const found = readdirSync(join(root, 'lib/modules'), { recursive: true, encoding: 'utf8' }).find((file) =>
    [`${module}.ko`, `${module}.ko.xz`].includes(basename(file)),
  );
  if (found === undefined) throw new Error(`the kernel package has no module ${module}`);
  const source = join(root, 'lib/modules', found);
  if (source.endsWith('.xz'))
    writeFileSync(target, execFileSync('xz', ['-dc', source], { maxBuffer: 1 << 28 }));
  else copyFileSync(source, target);
}
