/** The members of a pool: KVM's own complete answers of one vendor, each distinct one once, in the order of their names. */
import { InputError } from '../model/input-error.ts';
import { snapshotName, type Snapshot } from '../model/snapshot.ts';
import type { ObservedHost } from './adjust-msrs.ts';

export interface Member {
  /** Name of the snapshot: identical hosts are one member. */
  readonly name: string;
  readonly host: ObservedHost;
}

/** Throws InputError for an empty pool, two vendors, and a snapshot from which nothing is ever Yes. */
export function membersOf(snapshots: readonly Snapshot[]): Member[] {
  const members = new Map<string, Member>();
  for (const snapshot of snapshots) {
    const name = snapshotName(snapshot);
    members.set(name, { name, host: complete(name, snapshot) });
  }
  const sorted = [...members.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  const [first] = sorted;
  if (first === undefined) throw new InputError('snapshots', 'a baseline needs at least one host');
  const other = sorted.find(({ host }) => host.vendor !== first.host.vendor);
  if (other !== undefined) {
    throw new InputError(
      'snapshots',
      `${first.name} is ${first.host.vendor} and ${other.name} is ${other.host.vendor}: no guest moves between vendors, so there is no common profile`,
    );
  }
  return sorted;
}

function complete(name: string, snapshot: Snapshot): ObservedHost {
  const { source, partial, featureMsrs, msrIndices } = snapshot;
  const refused = (reason: string): InputError =>
    new InputError(`snapshot ${name}`, `${reason}: a baseline needs KVM's own complete answer of every host`);
  if (source !== 'kvm') throw refused(`its source is ${source}`);
  if (partial) throw refused('it is partial');
  if (featureMsrs === undefined) throw refused('its feature MSRs were not observed');
  if (msrIndices === undefined) throw refused('its MSR index list was not observed');
  return { ...snapshot, featureMsrs, msrIndices };
}
