/** One server process of the control plane: its log, its process id on disk, and its death. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A component ended before it was ready; `log` holds its last lines. */
export class ComponentError extends Error {
  override readonly name = 'ComponentError';
  readonly log: string;

  constructor(message: string, log: string) {
    super(`${message}\n${log}`);
    this.log = log;
  }
}

export class Component {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #name: string;
  readonly #directory: string;
  #wanted = true;

  /** Starts `path` at once; output goes to `<directory>/<name>.log`, the process id to `<name>.pid`. */
  constructor(name: string, path: string, args: readonly string[], directory: string) {
    this.#name = name;
    this.#directory = directory;
    const log = openSync(join(directory, `${name}.log`), 'a');
    // A session of its own: Ctrl-C in the terminal reaches the parent alone, which stops things in order.
    this.#child = spawn(path, args, { cwd: directory, stdio: ['ignore', log, log], detached: true, env: {} });
    closeSync(log);
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', () => {
        resolve();
      });
      this.#child.once('exit', () => {
        rmSync(this.#pidFile, { force: true });
        if (this.#wanted && this.#announced) {
          process.stderr.write(`control plane: ${this.#name} ended by itself\n${this.lastLines()}\n`);
        }
        resolve();
      });
    });
    if (this.#child.pid !== undefined) writeFileSync(this.#pidFile, String(this.#child.pid));
  }

  #announced = false;

  get #pidFile(): string {
    return join(this.#directory, `${this.#name}.pid`);
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The end of the log, for a message. */
  lastLines(count = 8): string {
    const lines = readFileSync(join(this.#directory, `${this.#name}.log`), 'utf8')
      .trimEnd()
      .split('\n');
    return lines.slice(-count).join('\n');
  }

  /**
   * Resolves when `isReady` says so; asked every 50 ms. Throws ComponentError when the process ends first or
   * `deadlineMs` passes. From then on an end that nobody asked for is reported on stderr.
   */
  async ready(isReady: () => Promise<boolean>, deadlineMs = 60_000): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!(await isReady())) {
      if (!this.running)
        throw new ComponentError(`${this.#name} ended before it was ready`, this.lastLines());
      if (performance.now() > deadline) {
        throw new ComponentError(`${this.#name} is not ready after ${deadlineMs} ms`, this.lastLines());
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.#announced = true;
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    this.#wanted = false;
    if (this.running) this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
