/**
 * A cursor over JSON text that knows what comes next: maps with known keys, lists, plain words, booleans and hex
 * numbers. Everything it meets that is not as expected is odd, and the caller gives up on the text.
 */

/** Thrown for everything unexpected: one for all, since a stack trace would cost more than the text. */
export class OddText extends Error {}
export const ODD = new OddText('odd');

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const BACKSLASH = 0x5c;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;

export class JsonCursor {
  readonly text: string;
  /** The two words of the number read last. */
  low = 0;
  high = 0;
  /** Where the key or word read last starts and ends. */
  start = 0;
  end = 0;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Calls `value` behind the colon of each key, which stands at `start` to `end`. A map here is never empty. */
  map(value: () => void): void {
    this.expect(OPEN_MAP);
    do {
      this.key();
      value();
    } while (this.more(CLOSE_MAP));
  }

  /** The same with the key as text. No key may come twice. */
  mapByName(value: (key: string) => void): void {
    const seen: string[] = [];
    this.map(() => {
      const key = this.text.slice(this.start, this.end);
      if (seen.includes(key)) throw ODD;
      seen.push(key);
      value(key);
    });
  }

  list(item: () => void): void {
    this.expect(OPEN_LIST);
    this.space();
    if (this.text.charCodeAt(this.at) === CLOSE_LIST) {
      this.at += 1;
      return;
    }
    do item();
    while (this.more(CLOSE_LIST));
  }

  word<const Word extends string>(words: readonly Word[]): Word {
    this.plainString();
    const text = this.text.slice(this.start, this.end);
    const known = words.find((candidate) => candidate === text);
    if (known === undefined) throw ODD;
    return known;
  }

  boolean(): boolean {
    this.space();
    const value = this.text.startsWith('true', this.at);
    if (!value && !this.text.startsWith('false', this.at)) throw ODD;
    this.at += value ? 4 : 5;
    return value;
  }

  /** `"0x1f"` of at most `digits` digits into `low` and `high`. */
  hex(digits: number): void {
    this.expect(QUOTE);
    const { text } = this;
    let at = this.at;
    if (text.charCodeAt(at) !== 0x30 || text.charCodeAt(at + 1) !== 0x78) throw ODD;
    at += 2;
    const first = at;
    let low = 0;
    let high = 0;
    for (; ; at += 1) {
      const code = text.charCodeAt(at);
      let digit: number;
      if (code >= 0x30 && code <= 0x39) digit = code - 0x30;
      else if (code >= 0x61 && code <= 0x66) digit = code - 0x57;
      else if (code === QUOTE) break;
      else throw ODD;
      high = (high << 4) | (low >>> 28);
      low = (low << 4) | digit;
    }
    if (at === first || at - first > digits) throw ODD;
    this.low = low >>> 0;
    this.high = high >>> 0;
    this.at = at + 1;
  }

  /** A map of whatever kind, read by the engine: what stands in it must be JSON all the same. */
  anyMap(): object {
    this.space();
    const first = this.at;
    let depth = 0;
    do {
      const code = this.text.charCodeAt(this.at);
      if (code === QUOTE) this.skipString();
      else if (code === OPEN_MAP || code === OPEN_LIST) depth += 1;
      else if (code === CLOSE_MAP || code === CLOSE_LIST) depth -= 1;
      else if (Number.isNaN(code)) throw ODD;
      this.at += 1;
    } while (depth > 0);
    const value = parse(this.text.slice(first, this.at));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw ODD;
    return value;
  }

  /** Nothing but white space is left. */
  done(): void {
    this.space();
    if (this.at !== this.text.length) throw ODD;
  }

  private key(): void {
    this.plainString();
    this.expect(COLON);
  }

  /** A comma: true; `close`: false. */
  private more(close: number): boolean {
    this.space();
    const code = this.text.charCodeAt(this.at);
    this.at += 1;
    if (code === COMMA) return true;
    if (code === close) return false;
    throw ODD;
  }

  private expect(wanted: number): void {
    this.space();
    if (this.text.charCodeAt(this.at) !== wanted) throw ODD;
    this.at += 1;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  /** A string of letters, digits, dots and slashes: nothing that JSON would have to escape. */
  private plainString(): void {
    this.expect(QUOTE);
    const { text } = this;
    let at = this.at;
    this.start = at;
    for (; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
      if (!letter && !(code >= 0x2e && code <= 0x39)) throw ODD;
    }
    this.end = at;
    this.at = at + 1;
  }

  /** From a quote to the one that closes the string. */
  private skipString(): void {
    for (this.at += 1; ; this.at += 1) {
      const code = this.text.charCodeAt(this.at);
      if (code === QUOTE) return;
      if (code === BACKSLASH) this.at += 1;
      else if (Number.isNaN(code)) throw ODD;
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw ODD;
  }
}
