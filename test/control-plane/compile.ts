/** Builds the control plane's one program with `go build`, with visible progress, once per machine. */
import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isExecutable } from './executable.ts';
import { lock } from './lock.ts';

export interface Build {
  /** Directory of go.mod. */
  module: string;
  linkerFlags: string;
  /** Where the program and one symbolic link per name go. */
  directory: string;
  names: readonly string[];
  env: NodeJS.ProcessEnv;
  /** One line of progress; stderr by default. */
  say?: (line: string) => void;
}

const PROGRAM = 'control-plane';
const REMEDY =
  'install Go >= 1.26 (on PATH, with access to a Go module proxy), or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver, kubectl, kube-controller-manager and kube-scheduler';
/** A terminal can take a line every few seconds, and so can a log. */
const PROGRESS_MS = 5_000;

/**
 * Fills `directory`. Of two runs at once one builds and the other waits for it. Throws one error with a remedy
 * when Go is missing or the build fails.
 */
export async function compile(build: Build): Promise<void> {
  const { directory, names, say = (line) => process.stderr.write(`${line}\n`) } = build;
  mkdirSync(directory, { recursive: true });
  const release = await lock(join(directory, 'build.pid'), (owner) => {
    say(`control plane: process ${String(owner)} is building it, waiting`);
  });
  const program = join(directory, PROGRAM);
  const temporary = `${program}.${String(process.pid)}.tmp`;
  try {
    if (!isExecutable(program)) {
      await goBuild(build, temporary, say);
      renameSync(temporary, program);
    }
    for (const name of names) {
      const path = join(directory, name);
      if (isExecutable(path)) continue;
      rmSync(path, { force: true });
      symlinkSync(PROGRAM, path);
    }
  } finally {
    rmSync(temporary, { force: true });
    release();
  }
}

async function goBuild(build: Build, output: string, say: (line: string) => void): Promise<void> {
  const start = performance.now();
  const elapsed = (): string => {
    const seconds = Math.round((performance.now() - start) / 1000);
    return `${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, '0')}`;
  };
  say(
    'control plane: building etcd, the Kubernetes programs and kubectl once for this machine (4 to 6 minutes on two cores)',
  );
  const go = spawn('go', ['build', '-v', '-trimpath', '-ldflags', build.linkerFlags, '-o', output, '.'], {
    cwd: build.module,
    env: build.env,
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const kill = (): void => void go.kill('SIGKILL');
  process.once('exit', kill);

  // -v names every package that is compiled; what is not a package name is a download or an error.
  const tail: string[] = [];
  let compiled = 0;
  let downloaded = 0;
  let rest = '';
  go.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('go: downloading ')) downloaded++;
      else if (/^[\w./~-]+$/.test(line)) compiled++;
      else tail.push(line);
    }
  });
  const ticker = setInterval(() => {
    say(
      `control plane: ${elapsed()}, ${String(downloaded)} modules downloaded, ${String(compiled)} packages compiled`,
    );
  }, PROGRESS_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      go.once('error', (cause) => {
        reject(new Error(`the control plane cannot be built, go does not start: ${REMEDY}`, { cause }));
      });
      go.once('close', resolve);
    });
    if (code !== 0) {
      const last = [...tail, rest].filter((line) => line !== '').slice(-5);
      throw new Error(`the control plane cannot be built: ${REMEDY}\ngo build said:\n${last.join('\n')}`);
    }
    say(`control plane: built in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    process.off('exit', kill);
  }
}
