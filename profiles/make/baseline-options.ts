/** The options nested, amx and hyperv in a pool: what all members offer stays, what some lack is dropped and said. */
import { findField } from '../definitions/lookup.ts';
import type { CpuidBit, Definitions } from '../definitions/types.ts';
import { and32, mask32 } from '../model/numbers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { contains } from '../msr-filter/permitted.ts';
import { NESTING_BIT } from '../verdict/bits.ts';
import { cpuidWhere } from '../verdict/findings.ts';
import { entriesIn, indexHost } from '../verdict/host-index.ts';
import type { Limit } from './baseline-limits.ts';
import { AMX_TILE, type OptionName } from './options.ts';

/** An option that was asked for and is off. */
export interface OptionLoss {
  readonly option: OptionName;
  readonly members: readonly string[];
  readonly why: string;
}

/** Whether a profile made from `host` can have the option: what `generate` accepts, without generating. */
export function offers(host: Snapshot, option: OptionName, definitions: Definitions): boolean {
  switch (option) {
    case 'nested':
      return host.capabilities.nested && canShow(host, NESTING_BIT[definitions.vendor], definitions);
    case 'amx':
      return canShow(host, AMX_TILE, definitions);
    case 'hyperv':
      return host.msrIndices?.some((index) => contains(definitions.hyperv, index)) === true;
  }
}

/** Whether the policy of a bit leaves a way for it to be 1 in a profile made from `host`. */
function canShow(host: Snapshot, at: CpuidBit, definitions: Definitions): boolean {
  const policy = findField(definitions, at)?.policy ?? { static: 0 };
  if (policy === 'passthrough') return true;
  if (policy !== 'inherit') return policy.static !== 0;
  const [entry] = entriesIn(indexHost(host), at.leaf, at.subleaf, at.subleaf);
  return entry !== undefined && and32(entry[at.register], mask32(at.bit, at.bit)) !== 0;
}

export const lossWarning = ({ option, members, why }: OptionLoss): string =>
  `options.${option}: asked for and left out: ${members.join(', ')} ${why}`;

/** The limit that a lost option is. */
export function optionLimit({ option, members }: OptionLoss, definitions: Definitions): Limit {
  const about = { relation: 'subset', snapshots: members } as const;
  if (option === 'hyperv') {
    return { ...about, where: {}, bits: [], name: 'Hyper-V MSRs', class: 'paravirt' };
  }
  const at: CpuidBit = option === 'amx' ? AMX_TILE : NESTING_BIT[definitions.vendor];
  return {
    ...about,
    where: cpuidWhere(at.leaf, at.subleaf, at.register),
    bits: [at.bit],
    name: findField(definitions, at)?.name ?? option,
    class: option === 'amx' ? 'isa' : 'virtualization',
  };
}
