/** Mutations of a JSON value that keep it JSON: other values, missing, doubled and renamed members, depth and number. */
import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Place =
  | { readonly list: Json[]; readonly key: number }
  | { readonly map: Record<string, Json>; readonly key: string };

const STRINGS = [
  '',
  '0x0',
  '0x1',
  '0xffffffff',
  '0x100000000',
  '0xffffffffffffffff',
  '0x10000000000000000',
  '0X0A',
  '0x0000000000000001',
  '0x',
  '0b',
  '0b1x',
  '-0x1',
  '1',
  'x',
  '__proto__',
  'constructor',
  'eax',
  'EAX',
  'intel',
  'amd',
  'kvm',
  'GenuineIntel',
  '\0',
  '\n',
  '\u001b[31m',
  '\u2028',
  '\ud800',
  'é',
  'a'.repeat(300),
  '0'.repeat(300),
  '=',
  'AAAA',
  'AA==',
  '../../etc',
  '2024-02-30T00:00:00Z',
];
const NUMBERS = [0, -0, 1, -1, 2, 3, 0.5, 255, 0xffff_ffff, 2 ** 32, 2 ** 53, -(2 ** 53), 1e308, 5e-324];

/** One to six changes of a copy of `seed`. `shape: true` changes strings and the lengths of lists only. */
export function mutateJson(seed: unknown, random: Random, shape: boolean): unknown {
  const root: Json[] = [structuredClone(seed) as Json];
  for (let changes = 1 + random.int(random.oneIn(3) ? 6 : 2); changes > 0; changes -= 1) {
    const place = somewhere(root, random);
    if (shape) keepShape(place, random);
    else change(place, random);
  }
  return root[0] ?? null;
}

/** A place found by walking down from the root, at every step a little more likely to stop. */
function somewhere(root: Json[], random: Random): Place {
  let place: Place = { list: root, key: 0 };
  for (;;) {
    const value = read(place);
    if (typeof value !== 'object' || value === null || random.oneIn(5)) return place;
    if (Array.isArray(value)) {
      if (value.length === 0) return place;
      place = { list: value, key: random.int(value.length) };
    } else {
      const keys = Object.keys(value);
      if (keys.length === 0) return place;
      place = { map: value, key: random.pick(keys) };
    }
  }
}

const read = (place: Place): Json | undefined =>
  'list' in place ? place.list[place.key] : place.map[place.key];

function write(place: Place, value: Json): void {
  if ('list' in place) place.list[place.key] = value;
  // As JSON.parse does: a member, never the prototype.
  else
    Object.defineProperty(place.map, place.key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

function keepShape(place: Place, random: Random): void {
  const value = read(place);
  if (typeof value === 'string')
    write(place, random.oneIn(2) ? random.pick(STRINGS) : tweaked(value, random));
  else if (Array.isArray(value)) resize(value, random);
}

function change(place: Place, random: Random): void {
  const value = read(place);
  switch (random.int(9)) {
    case 0:
      write(place, random.pick(STRINGS));
      break;
    case 1:
      write(place, random.pick(NUMBERS));
      break;
    case 2:
      write(place, random.pick<Json>([null, true, false, [], {}, [[]], { '': 0 }]));
      break;
    case 3:
      remove(place);
      break;
    case 4:
      rename(place, random);
      break;
    case 5:
      write(place, nested(value ?? null, random));
      break;
    case 6:
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) addKeys(value, random);
      else if (Array.isArray(value)) resize(value, random);
      break;
    default:
      if (typeof value === 'string') write(place, tweaked(value, random));
      else if (typeof value === 'number') write(place, value + random.pick([-1, 1, 2 ** 31]));
      else if (Array.isArray(value)) resize(value, random);
  }
}

function nested(value: Json, random: Random): Json {
  let result = value;
  for (let depth = random.int(random.oneIn(20) ? 3000 : 4); depth >= 0; depth -= 1)
    result = random.oneIn(2) ? [result] : { a: result };
  return result;
}

function addKeys(map: Record<string, Json>, random: Random): void {
  for (let extra = random.int(random.oneIn(10) ? 2000 : 3); extra >= 0; extra -= 1)
    write({ map, key: random.oneIn(4) ? random.pick(STRINGS) : `k${extra}` }, random.pick(NUMBERS));
}

function remove(place: Place): void {
  if ('list' in place) place.list.splice(place.key, 1);
  else Reflect.deleteProperty(place.map, place.key);
}

function rename(place: Place, random: Random): void {
  if ('list' in place) return;
  const value = read(place) ?? null;
  remove(place);
  write({ map: place.map, key: random.oneIn(2) ? random.pick(STRINGS) : tweaked(place.key, random) }, value);
}

/** What one change may add, characters. */
const MAX_ADDED = 100_000;

function resize(list: Json[], random: Random): void {
  const item = list[random.int(Math.max(1, list.length))];
  if (random.oneIn(3)) list.splice(random.int(list.length + 1), 1 + random.int(4));
  else if (item !== undefined) {
    const wanted = random.oneIn(20) ? 3000 : 1 + random.int(3);
    const copies = Math.min(wanted, MAX_ADDED / JSON.stringify(item).length);
    for (let i = 0; i < copies; i += 1) list.push(structuredClone(item));
  }
}

function tweaked(text: string, random: Random): string {
  const at = random.int(text.length + 1);
  const digit = '0123456789abcdefxX-_ '[random.int(21)] ?? '0';
  switch (random.int(4)) {
    case 0:
      return text.slice(0, at) + digit + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + digit + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + 1);
    default:
      return text.toUpperCase();
  }
}
