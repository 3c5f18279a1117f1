/** Words of the generated pages: bits, other names, treatment. */
import type { BitName } from '../profiles/definitions/names/types.ts';
import type { Field, PermittedMsr } from '../profiles/definitions/types.ts';
import { toHex } from '../profiles/model/numbers.ts';

export const code = (text: string): string => `\`${text}\``;

/** `5`, or `11:8` as manuals write it. */
export const bitsText = (first: number, last: number): string =>
  first === last ? `${first}` : `${last}:${first}`;

export const spanText = (first: number, last: number): string =>
  first === last ? toHex(first) : `${toHex(first)}-${toHex(last)}`;

/** What the host decides is called `host`, a fixed value is the value. */
export function policyText({ policy, option }: Field): string {
  const text = typeof policy === 'object' ? toHex(policy.static) : policy === 'passthrough' ? 'host' : policy;
  return option === undefined ? text : `${text}, ${option} only`;
}

export const relationText = ({ relation, reversed }: Field): string =>
  reversed === true ? `${relation}, bad when set` : relation;

/** Each name once, with the programs that use it: Q QEMU, V libvirt, K Linux. */
export function otherNames(row: BitName | undefined): string {
  if (row === undefined) return '';
  const users = new Map<string, string>();
  const use = (name: string | undefined, program: string): void => {
    if (name === undefined) return;
    const known = users.get(name) ?? '';
    if (!known.includes(program)) users.set(name, known + program);
  };
  for (const name of row.qemu) use(name, 'Q');
  use(row.libvirt, 'V');
  use(row.linux, 'K');
  use(row.linuxVmx, 'K');
  const names = [...users].map(([name, programs]) => `${code(name)} ${programs}`);
  const extras = [
    row.qemuSince === undefined || row.qemuSince === '7.2' ? '' : `QEMU ${row.qemuSince}`,
    row.libvirtNewer === true ? 'libvirt after 9.10' : '',
    row.linuxDerived.length === 0 ? '' : `Linux derives ${row.linuxDerived.map(code).join(', ')}`,
    row.presentWhen === 0 ? 'there when 0' : '',
  ].filter((text) => text !== '');
  return names.join(', ') + (extras.length === 0 ? '' : ` (${extras.join('; ')})`);
}

/** When a permitted MSR is permitted. */
export function conditionText({ anyOf, option }: PermittedMsr): string {
  const bits = anyOf.map(
    ({ leaf, subleaf, register, bit }) => `${toHex(leaf)}.${subleaf}:${register.toUpperCase()}[${bit}]`,
  );
  return [bits.join(' or '), option === undefined ? '' : `${option} only`]
    .filter((text) => text !== '')
    .join(', ');
}
