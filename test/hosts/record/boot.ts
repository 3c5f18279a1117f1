/** Boots one machine under QEMU's software emulation and returns what its guest program printed. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { END_MARKER } from './initrd.ts';
import type { RecordedMachine } from './machines.ts';

/** Some CPU models of QEMU hang at boot; ours take about 7 s. */
const DEADLINE_MS = 120_000;

/** How to start an unpacked QEMU: its own libraries first, its own firmware. */
const environment = (root: string): NodeJS.ProcessEnv => ({
  LD_LIBRARY_PATH: ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/pulseaudio']
    .map((folder) => join(root, folder))
    .join(':'),
});
const program = (root: string): string => join(root, 'usr/bin/qemu-system-x86_64');

export async function qemuVersion(root: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program(root), ['--version'], { env: environment(root) });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

export async function boot(
  machine: RecordedMachine,
  files: { readonly qemu: string; readonly kernel: string; readonly initrd: string; readonly output: string },
): Promise<string> {
  const image = readdirSync(join(files.kernel, 'boot')).find((name) => name.startsWith('vmlinuz'));
  if (image === undefined) throw new Error(`no vmlinuz below ${files.kernel}`);
  const args = [
    ...['-accel', 'tcg,thread=multi', '-machine', 'q35', '-cpu', machine.cpu, '-smp', '2', '-m', '1G'],
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-monitor', 'none'],
    ...['-serial', 'file:' + files.output + '.console', '-serial', `file:${files.output}`],
    ...['-L', join(files.qemu, 'usr/share/qemu'), '-L', join(files.qemu, 'usr/share/seabios')],
    ...['-kernel', join(files.kernel, 'boot', image), '-initrd', files.initrd],
    ...['-append', 'console=ttyS0 panic=-1 quiet'],
  ];
  await promisify(execFile)(program(files.qemu), args, {
    env: environment(files.qemu),
    timeout: DEADLINE_MS,
  });
  const text = readFileSync(files.output, 'utf8');
  if (!text.includes(`${END_MARKER} 0`))
    throw new Error(`${machine.file}: the guest did not finish:\n${text.slice(-2000)}`);
  return text;
}
