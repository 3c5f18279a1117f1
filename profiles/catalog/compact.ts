/**
 * How the catalogue keeps its many entries: a frame that a vendor's entries share, and for each entry the words in which
 * it differs. Words are separated by spaces, all numbers hex without 0x:
 * `7.0:b=d19f07a9` CPUID leaf, subleaf, register, value; `d.8-3f:a=0`, a range; `1.0:b=0/ff00`, with a mask;
 * `m10a=6b/0`, a feature MSR; `r10`, a required one. `-` before a place takes the frame's word away.
 */
import type { ProfileDataWire } from '../model/profile.ts';
import { REGISTERS, type Register } from '../model/registers.ts';

const CPUID = /^([0-9a-f]+)\.([0-9a-f]+)(?:-([0-9a-f]+))?:([abcd])$/;

interface Filled {
  cpuid: ProfileDataWire['cpuid'];
  featureMsrs: NonNullable<ProfileDataWire['featureMsrs']>;
  requiredMsrs: NonNullable<ProfileDataWire['requiredMsrs']>;
}

const hex = (digits: string): string => `0x${digits}`;
const digits = (text: string): string => text.slice(2);

/** The data that `frame` and `changes` make, sorted as profiles are. Throws for a word that is none: a fault of the file. */
export function unpack(frame: string, changes: string): Filled {
  const words = new Map<string, string>();
  for (const word of [...split(frame), ...split(changes)]) {
    const [place = '', value = ''] = word.split('=');
    if (place.startsWith('-')) words.delete(place.slice(1));
    else words.set(place, value);
  }
  const data: Filled = { cpuid: [], featureMsrs: [], requiredMsrs: [] };
  for (const [place, text] of words) add(data, place, text);
  data.cpuid.sort(
    (left, right) =>
      Number(left.leaf) - Number(right.leaf) ||
      Number(left.subleaf) - Number(right.subleaf) ||
      REGISTERS.indexOf(left.register) - REGISTERS.indexOf(right.register),
  );
  data.featureMsrs.sort((left, right) => Number(left.index) - Number(right.index));
  data.requiredMsrs.sort((left, right) => Number(left) - Number(right));
  return data;
}

const split = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function add(data: Filled, place: string, text: string): void {
  const [value = '', mask = '0'] = text.split('/');
  const rest = place.slice(1);
  if (place.startsWith('m')) data.featureMsrs.push({ index: hex(rest), mask: hex(mask), value: hex(value) });
  else if (place.startsWith('r')) data.requiredMsrs.push(hex(rest));
  else {
    const [, leaf, subleaf, last, letter] = CPUID.exec(place) ?? [];
    const register = REGISTERS.find((each) => each === `e${letter ?? ''}x`);
    if (leaf === undefined || subleaf === undefined || register === undefined)
      throw new Error(`the catalogue says ${place}`);
    data.cpuid.push({
      leaf: hex(leaf),
      subleaf: hex(subleaf),
      ...(last !== undefined && { lastSubleaf: hex(last) }),
      register,
      mask: hex(mask),
      value: hex(value),
    });
  }
}

/** `data` as words, in its order. */
export function toWords({
  cpuid,
  featureMsrs = [],
  requiredMsrs = [],
}: ProfileDataWire): Map<string, string> {
  const value = (entry: { mask: string; value: string }): string =>
    entry.mask === '0x0' ? digits(entry.value) : `${digits(entry.value)}/${digits(entry.mask)}`;
  const place = (leaf: string, first: string, last: string | undefined, register: Register): string =>
    `${digits(leaf)}.${digits(first)}${last === undefined ? '' : `-${digits(last)}`}:${register.charAt(1)}`;
  return new Map([
    ...cpuid.map(
      (each) => [place(each.leaf, each.subleaf, each.lastSubleaf, each.register), value(each)] as const,
    ),
    ...featureMsrs.map((each) => [`m${digits(each.index)}`, value(each)] as const),
    ...requiredMsrs.map((index) => [`r${digits(index)}`, ''] as const),
  ]);
}

const written = ([place, value]: readonly [string, string]): string =>
  value === '' ? place : `${place}=${value}`;

/** The words that most of `entries` have. */
export function frameOf(entries: readonly ReadonlyMap<string, string>[]): string {
  const counts = new Map<string, Map<string, number>>();
  for (const words of entries) {
    for (const [place, value] of words) {
      const values = counts.get(place) ?? new Map<string, number>();
      counts.set(place, values.set(value, (values.get(value) ?? 0) + 1));
    }
  }
  return [...counts]
    .map(([place, values]) => [place, [...values].sort((left, right) => right[1] - left[1])[0]] as const)
    .filter(([, most]) => most !== undefined && most[1] * 2 > entries.length)
    .map(([place, most]) => written([place, most?.[0] ?? '']))
    .join(' ');
}

/** What turns `frame` into the entry. */
export function changesOf(frame: string, words: ReadonlyMap<string, string>): string {
  const known = new Map(split(frame).map((word) => [word.split('=')[0] ?? '', word.split('=')[1] ?? '']));
  const changed = [...words].filter(([place, value]) => known.get(place) !== value).map(written);
  const gone = [...known.keys()].filter((place) => !words.has(place)).map((place) => `-${place}`);
  return [...changed, ...gone].join(' ');
}
