/**
 * The part of XML 1.0 that libvirt's CPU files use: elements, attributes, text, comments and the five named entities.
 * No DTD, no other entities, no CDATA, no processing instructions: what is not read cannot be made to expand.
 */
import { InputError } from '../model/input-error.ts';
import { quoted } from '../model/quoted.ts';

export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** The text directly inside, without its children's, trimmed. */
  readonly text: string;
  readonly line: number;
}

const MAX_XML = 4 * 1024 * 1024;
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 20_000;
const MAX_ATTRIBUTES = 64;

interface Open {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlElement[];
  readonly line: number;
  readonly texts: string[];
}

/** The root element. Throws InputError naming file and line. */
export function parseXml(file: string, text: string): XmlElement {
  if (text.length > MAX_XML) throw new InputError(file, `is larger than ${MAX_XML / 1024 / 1024} MiB`);
  return new Parser(file, text).document();
}

const DECLARATION = /<\?xml(?:[ \t\r\n]+[A-Za-z]+=(?:'[^'<&]*'|"[^"<&]*"))*[ \t\r\n]*\?>/y;
const SPACE = /[ \t\r\n]*/y;
const NAME = /[A-Za-z_][-A-Za-z0-9._:]{0,99}/y;
/** Without `<` in values, as XML has it; everything else is looked at when entities are replaced. */
const ATTRIBUTE = /([A-Za-z_][-A-Za-z0-9._:]{0,99})[ \t\r\n]*=[ \t\r\n]*(?:'([^'<]*)'|"([^"<]*)")/y;
const TEXT = /[^<]*/y;

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

class Parser {
  readonly #file: string;
  readonly #text: string;
  #at = 0;
  /** The next line break that is not counted: each stretch of text is searched once, however many elements it holds. */
  #newline: number;
  #line = 1;
  #elements = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
    this.#newline = this.#newlineFrom(0);
  }

  document(): XmlElement {
    this.#match(DECLARATION);
    this.#misc();
    const root = this.#root();
    this.#misc();
    if (this.#at < this.#text.length) throw this.#error('has more after the end of its element');
    return root;
  }

  /** A loop and a list instead of recursion: depth is a number here, not a stack. */
  #root(): XmlElement {
    const open: Open[] = [];
    for (;;) {
      const inside = open.at(-1);
      if (inside !== undefined) {
        const start = this.#at;
        inside.texts.push(this.#entities(this.#match(TEXT)?.[0] ?? '', start));
      }
      if (this.#at >= this.#text.length) {
        throw this.#error(inside === undefined ? 'holds no element' : `ends inside <${inside.name}>`);
      }
      if (this.#comment()) continue;
      let done: XmlElement;
      if (inside !== undefined && this.#text.startsWith('</', this.#at)) {
        this.#end(inside.name);
        open.pop();
        done = finish(inside);
      } else {
        const { element, empty } = this.#start();
        if (!empty) {
          if (open.push(element) > MAX_DEPTH) throw this.#error(`is nested deeper than ${MAX_DEPTH}`);
          continue;
        }
        done = finish(element);
      }
      const parent = open.at(-1);
      if (parent === undefined) return done;
      parent.children.push(done);
    }
  }

  #start(): { element: Open; empty: boolean } {
    const line = this.#lineNow();
    if (this.#text[this.#at] !== '<') throw this.#error('does not begin with an element');
    if (/[!?]/.test(this.#text[this.#at + 1] ?? ''))
      throw this.#error('uses a DTD, CDATA or a processing instruction, which is not read');
    this.#at += 1;
    const name = this.#match(NAME)?.[0];
    if (name === undefined) throw this.#error('has a "<" without an element name');
    this.#elements += 1;
    if (this.#elements > MAX_ELEMENTS) throw this.#error(`has more than ${MAX_ELEMENTS} elements`);
    const attributes = new Map<string, string>();
    for (;;) {
      const before = this.#at;
      this.#match(SPACE);
      if (this.#skip('/>'))
        return { element: { name, attributes, children: [], line, texts: [] }, empty: true };
      if (this.#skip('>'))
        return { element: { name, attributes, children: [], line, texts: [] }, empty: false };
      const spaced = this.#at > before;
      const start = this.#at;
      const [, key, single, double] = this.#match(ATTRIBUTE) ?? [];
      if (key === undefined || !spaced) throw this.#error(`has a broken start tag <${name}>`);
      if (attributes.has(key)) throw this.#error(`<${name}> has ${key} twice`);
      if (attributes.size >= MAX_ATTRIBUTES) throw this.#error(`<${name}> has too many attributes`);
      attributes.set(key, this.#entities(single ?? double ?? '', start));
    }
  }

  #end(expected: string): void {
    this.#at += 2;
    const name = this.#match(NAME)?.[0] ?? '';
    this.#match(SPACE);
    if (name !== expected || !this.#skip('>'))
      throw this.#error(`has ${quoted(`</${name}`)} where </${expected}> belongs`);
  }

  /** Comments and white space around the root element. */
  #misc(): void {
    do this.#match(SPACE);
    while (this.#comment());
  }

  #comment(): boolean {
    if (!this.#text.startsWith('<!--', this.#at)) return false;
    const end = this.#text.indexOf('-->', this.#at + 4);
    if (end < 0) throw this.#error('has a comment without an end');
    this.#at = end + 3;
    return true;
  }

  #entities(text: string, at: number): string {
    if (!text.includes('&')) return text;
    return text.replaceAll(/&([^;&]{0,20};?)/g, (_, found: string) => {
      const character = found.endsWith(';') ? ENTITIES.get(found.slice(0, -1)) : undefined;
      if (character !== undefined) return character;
      this.#at = at;
      throw this.#error(`has the entity ${quoted(`&${found}`)}; only &lt; &gt; &amp; &quot; &apos; are read`);
    });
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #skip(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #lineNow(): number {
    for (; this.#newline < this.#at; this.#newline = this.#newlineFrom(this.#newline + 1)) this.#line += 1;
    return this.#line;
  }

  #newlineFrom(start: number): number {
    const found = this.#text.indexOf('\n', start);
    return found < 0 ? Infinity : found;
  }

  #error(reason: string): InputError {
    return new InputError(`${this.#file} line ${this.#lineNow()}`, reason);
  }
}

const finish = ({ texts, ...rest }: Open): XmlElement => ({ ...rest, text: texts.join('').trim() });
