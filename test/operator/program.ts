/** The operator's bundle as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';

const BUNDLE = join(import.meta.dirname, '..', '..', 'dist', 'operator.mjs');

/** Path of the bundle; throws when it was not built. */
export function bundle(): string {
  if (!existsSync(BUNDLE)) throw new Error(`${BUNDLE} is missing: run npm run build`);
  return BUNDLE;
}

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | string>;
  readonly lines: string[] = [];

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [bundle(), '--listen=127.0.0.1:0', ...args], {
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => this.lines.push(line));
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends the signal and waits for the end: its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | string> {
    this.#child.kill(signal);
    return this.#ended;
  }

  ended(): Promise<number | string> {
    return this.#ended;
  }

  async #port(): Promise<number> {
    return eventually(`the operator says its port\n${this.lines.join('\n')}`, () => {
      const line = this.lines.find((text) => text.includes('"started"'));
      const port = /"port":(\d+)/.exec(line ?? '')?.[1];
      return Promise.resolve(port === undefined ? undefined : Number(port));
    });
  }

  async get(path: string): Promise<{ status: number; body: string }> {
    const answer = await fetch(`http://127.0.0.1:${String(await this.#port())}${path}`);
    return { status: answer.status, body: await answer.text() };
  }

  /** The value of a metric without labels, or with exactly `labels` as they are written. */
  async metric(name: string, labels = ''): Promise<number | undefined> {
    const { body } = await this.get('/metrics');
    const line = body.split('\n').find((text) => text.startsWith(`${name}${labels} `));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
  }

  ready(): Promise<true> {
    return eventually('the operator is ready', async () => (await this.get('/readyz')).status === 200);
  }

  leads(withinMs?: number): Promise<true> {
    return eventually(
      'the operator leads',
      async () => (await this.metric('cpuprofiles_leader')) === 1,
      withinMs,
    );
  }
}
