/** The bundles as processes of their own, their logs in files, stopped by their id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

const DIST = join(import.meta.dirname, '..', 'dist');
const STOP_WITHIN_MS = 5_000;

export class Programs {
  readonly #children = new Map<string, ChildProcess>();
  readonly #expected = new Set<ChildProcess>();
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    // Whatever ends this process, its children go with it.
    process.once('exit', () => {
      for (const child of this.#children.values()) child.kill('SIGKILL');
    });
  }

  /** Starts `dist/<program>.mjs` under a name of its own; answers the path of its log. */
  start(program: string, flags: readonly string[], name = program): string {
    const log = join(this.#directory, `${name}.log`);
    const file = openSync(log, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', join(DIST, `${program}.mjs`), ...flags], {
      stdio: ['ignore', file, file],
    });
    closeSync(file);
    child.once('exit', (code, signal) => {
      if (!this.#expected.has(child))
        console.error(`${name} ended (${signal ?? String(code)}); its log is ${log}`);
    });
    this.#children.set(name, child);
    return log;
  }

  /** Sends `signal` and waits until the program has ended; SIGKILL for what is too slow. */
  async end(name: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.#expected.add(child);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    clearTimeout(late);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((name) => this.end(name)));
  }
}
