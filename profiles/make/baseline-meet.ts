/**
 * The host that offers exactly what every member of a pool offers: the meet of the lattice, field by field, by the
 * relation of each row. A baseline is the profile generated from it.
 */
import { findCpuid, findFeatureMsr } from '../definitions/lookup.ts';
import type { Definitions, MsrDefinition } from '../definitions/types.ts';
import type { Relation } from '../model/finding.ts';
import { and32, mask32, mask64, minus32, U64_MAX } from '../model/numbers.ts';
import { REGISTERS, type Register } from '../model/registers.ts';
import type { CpuidEntry, MsrValue, Snapshot } from '../model/snapshot.ts';
import { VMX_HALVES } from '../verdict/exceptions.ts';
import { entriesIn, indexHost } from '../verdict/host-index.ts';
import type { Member } from './baseline-members.ts';

/** A field whose values must agree and do not, or an MSR that some members lack. */
export interface Conflict {
  readonly place:
    | { readonly leaf: number; readonly subleaf: number; readonly register: Register }
    | { readonly msr: number };
  readonly name: string;
  /** The members outside of the largest group that agrees; all of them where groups are equal. */
  readonly members: readonly string[];
}

export interface Meet {
  readonly host: Snapshot;
  readonly conflicts: readonly Conflict[];
}

/** Members rise by name; the first of them by family, model and stepping lends its identity. */
export function meetOf(members: readonly Member[], definitions: Definitions): Meet {
  const conflicts: Conflict[] = [];
  const [first] = members;
  if (first === undefined) throw new TypeError('a meet of nothing');
  const identity = lowestIdentity(members) ?? first;
  const host: Snapshot = {
    vendor: first.host.vendor,
    source: 'kvm',
    partial: false,
    cpuid: meetCpuid(members, identity, definitions, conflicts),
    featureMsrs: meetMsrs(members, definitions, conflicts),
    msrIndices: meetIndices(members),
    capabilities: {
      msrFilter: members.every(({ host }) => host.capabilities.msrFilter),
      userSpaceMsr: members.every(({ host }) => host.capabilities.userSpaceMsr),
      nested: members.every(({ host }) => host.capabilities.nested),
    },
  };
  return { host, conflicts };
}

/** Family, model and stepping as one number that orders CPUs. Intel SDM vol. 2A, CPUID 1; AMD APM vol. 3, E.3.2. */
export function signatureOrder(eax: number): number {
  const part = (first: number, last: number): number => and32(eax, mask32(first, last)) >>> first;
  const family = part(8, 11) === 0xf ? 0xf + part(20, 27) : part(8, 11);
  const model = part(16, 19) * 16 + part(4, 7);
  return (family * 256 + model) * 16 + part(0, 3);
}

function lowestIdentity(members: readonly Member[]): Member | undefined {
  const order = (member: Member): number => signatureOrder(wordOf(member, 0x1, 0, 'eax'));
  return [...members].sort(
    (left, right) => order(left) - order(right) || (left.name < right.name ? -1 : 1),
  )[0];
}

const wordOf = ({ host }: Member, leaf: number, subleaf: number, register: Register): number =>
  entriesIn(indexHost(host), leaf, subleaf, subleaf)[0]?.[register] ?? 0;

/** Every entry that some member has: what another one lacks is 0 there. Only entries that all have are kept. */
function meetCpuid(
  members: readonly Member[],
  identity: Member,
  definitions: Definitions,
  conflicts: Conflict[],
): CpuidEntry[] {
  const places = new Map<string, { leaf: number; subleaf: number; count: number }>();
  for (const { host } of members) {
    for (const { leaf, subleaf } of host.cpuid) {
      const key = `${leaf}.${subleaf}`;
      places.set(key, { leaf, subleaf, count: (places.get(key)?.count ?? 0) + 1 });
    }
  }
  return [...places.values()]
    .sort((left, right) => left.leaf - right.leaf || left.subleaf - right.subleaf)
    .flatMap(({ leaf, subleaf, count }) => {
      const words = REGISTERS.map((register) => {
        const row = findCpuid(definitions, leaf, subleaf, register);
        const offered = members.map((member) => ({
          member: member.name,
          word: BigInt(wordOf(member, leaf, subleaf, register)),
        }));
        const parts = (row?.fields ?? []).map((field) => ({
          bits: BigInt(mask32(field.first, field.last)),
          relation: field.relation,
          name: field.name,
          // What is fixed or the host's anyway cannot be a conflict.
          taken: field.policy === 'inherit',
        }));
        const own = BigInt(wordOf(identity, leaf, subleaf, register));
        return Number(
          meetWord(offered, own, parts, (name, differing) =>
            conflicts.push({ place: { leaf, subleaf, register }, name, members: differing }),
          ),
        );
      });
      const [eax = 0, ebx = 0, ecx = 0, edx = 0] = words;
      return count === members.length ? [{ leaf, subleaf, eax, ebx, ecx, edx }] : [];
    });
}

interface Offered {
  readonly member: string;
  readonly word: bigint;
}

interface Part {
  readonly bits: bigint;
  readonly relation: Relation;
  readonly name: string;
  readonly taken: boolean;
}

/** The meet of one register. Bits of no part are ANDed: generation drops them. */
function meetWord(
  offered: readonly Offered[],
  identity: bigint,
  parts: readonly Part[],
  conflict: (name: string, members: string[]) => void,
): bigint {
  const all = offered.reduce((word, each) => word & each.word, U64_MAX);
  const any = offered.reduce((word, each) => word | each.word, 0n);
  let result = all & parts.reduce((rest, { bits }) => rest & ~bits, U64_MAX);
  for (const { bits, relation, name, taken } of parts) {
    switch (relation) {
      case 'subset':
        result |= all & bits;
        break;
      case 'superset':
        result |= any & bits;
        break;
      case 'at-most':
        result |= offered.map(({ word }) => word & bits).reduce((low, word) => (word < low ? word : low));
        break;
      case 'identity':
        result |= identity & bits;
        break;
      case 'equal':
      case 'ignore':
        if (((all ^ any) & bits) === 0n) result |= all & bits;
        else if (relation === 'equal' && taken) conflict(name, dissenters(offered, bits));
        break;
    }
  }
  return result;
}

/** The members outside of the largest group with one value. */
function dissenters(offered: readonly Offered[], bits: bigint): string[] {
  const groups = new Map<bigint, string[]>();
  for (const { member, word } of offered) {
    const group = groups.get(word & bits);
    if (group === undefined) groups.set(word & bits, [member]);
    else group.push(member);
  }
  const largest = Math.max(...[...groups.values()].map(({ length }) => length));
  const majorities = [...groups.values()].filter(({ length }) => length === largest);
  const [majority] = majorities;
  return offered
    .map(({ member }) => member)
    .filter((member) => majorities.length > 1 || majority?.includes(member) !== true);
}

/** Feature MSRs that every member has; what some lack is a conflict. */
function meetMsrs(members: readonly Member[], definitions: Definitions, conflicts: Conflict[]): MsrValue[] {
  const indices = new Set(members.flatMap(({ host }) => host.featureMsrs.map(({ index }) => index)));
  return [...indices]
    .sort((left, right) => left - right)
    .flatMap((index) => {
      const row = findFeatureMsr(definitions, index);
      const lacking = members.filter(({ host }) => !indexHost(host).featureMsrs.has(index));
      if (lacking.length > 0) {
        if (row?.use !== 'deny') {
          const name = row?.name ?? '';
          conflicts.push({ place: { msr: index }, name, members: lacking.map((member) => member.name) });
        }
        return [];
      }
      const offered = members.map(({ name, host }) => ({
        member: name,
        word: indexHost(host).featureMsrs.get(index) ?? 0n,
      }));
      const value = meetWord(offered, 0n, row === undefined ? [] : msrParts(row), (name, differing) =>
        conflicts.push({ place: { msr: index }, name, members: differing }),
      );
      return [{ index, value }];
    });
}

function msrParts(row: MsrDefinition): Part[] {
  const adjusted = row.use === 'adjust';
  const named = row.fields.map((field) => ({
    bits: mask64(field.first, field.last),
    relation: field.relation,
    name: field.name,
    taken: adjusted && field.policy === 'inherit',
  }));
  const nameless = named.reduce((rest, { bits }) => rest & ~bits, U64_MAX);
  const halves =
    row.undefinedBits === 'halves' ? VMX_HALVES : [{ mask: U64_MAX, relation: row.undefinedBits }];
  const rest = halves.map(({ mask, relation }) => ({
    bits: nameless & mask,
    relation,
    name: row.name,
    taken: adjusted,
  }));
  return [...named, ...rest];
}

/** Listed by all, as a feature MSR at least. What all have as a feature and none lists is required by its adjustment. */
function meetIndices(members: readonly Member[]): number[] {
  const listed = new Set(members.flatMap(({ host }) => host.msrIndices));
  return [...listed]
    .filter((index) =>
      members.every(({ host }) => {
        const { msrIndices, featureMsrs } = indexHost(host);
        return msrIndices.has(index) || featureMsrs.has(index);
      }),
    )
    .sort((left, right) => left - right);
}

/** `host` without the given bits of a CPUID register. */
export function withoutCpuidBits(
  host: Snapshot,
  at: {
    readonly leaf: number;
    readonly firstSubleaf: number;
    readonly lastSubleaf: number;
    readonly register: Register;
  },
  bits: number,
): Snapshot {
  return {
    ...host,
    cpuid: host.cpuid.map((entry) =>
      entry.leaf === at.leaf && at.firstSubleaf <= entry.subleaf && entry.subleaf <= at.lastSubleaf
        ? { ...entry, [at.register]: minus32(entry[at.register], bits) }
        : entry,
    ),
  };
}
