/** A small file that another program replaces now and then, such as a projected service account token. */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from './clock.ts';

const REREAD_MS = 60_000;

/** Reads again when the file looks different (inode, size, time of change), and every minute in any case. */
export class FollowedFile {
  readonly #path: string;
  readonly #clock: Clock;
  #text: string | undefined;
  #mark = '';
  #readAt = 0;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The file's text. While it cannot be read the last text stands; @throws the error of node:fs when there is none. */
  async read(): Promise<string> {
    try {
      const { ino, size, mtimeMs } = await stat(this.#path);
      const mark = `${ino}/${size}/${mtimeMs}`;
      const old = this.#clock.monotonic() - this.#readAt >= REREAD_MS;
      if (this.#text !== undefined && mark === this.#mark && !old) return this.#text;
      const text = await readFile(this.#path, 'utf8');
      // Caught between truncation and writing: an empty token is nobody's intention.
      if (text.trim() === '') throw new Error(`${this.#path} is empty`);
      this.#text = text;
      this.#mark = mark;
      this.#readAt = this.#clock.monotonic();
      return text;
    } catch (error) {
      if (this.#text === undefined) throw error;
      return this.#text;
    }
  }

  /** The next read goes to the file, whatever it looks like. */
  forget(): void {
    this.#mark = '';
  }
}
