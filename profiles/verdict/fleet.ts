/**
 * Many hosts against many profiles: Yes, No or Unknown for each pair, without findings, from the same compiled rows as
 * `check`, which gives the findings of a pair where somebody wants them. Whatever is out of the ordinary (a host of
 * which KVM has not told everything, a text that is not plain, a profile with odd ranges) goes through `check` itself.
 */
import type { Compatible } from '../model/finding.ts';
import type { Profile } from '../model/profile.ts';
import { scanSnapshot, type ScannedSnapshot } from '../model/scan-snapshot.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { check } from './check.ts';
import { compileProfile } from './compile.ts';
import { FleetLayout, pourSnapshot } from './fleet-layout.ts';
import { honours } from './fleet-honours.ts';
import { compileProgram, type HostBits, type Program } from './fleet-program.ts';

/** A host of a fleet, made by the fleet whose profiles it is held against. */
export interface FleetHost {
  readonly name: string;
  /** `undefined`: KVM has not told everything, and `snapshot` is there. */
  readonly row: Uint32Array | undefined;
  /** Kept only where the ordinary check needs it. */
  readonly snapshot: Snapshot | undefined;
}

export interface FleetOptions {
  /** Of CpuSnapshot manifests. */
  readonly apiVersion: string;
  /** The ordinary way to read a manifest. Throws InputError. */
  readonly parse: (text: string) => { readonly name: string; readonly snapshot: Snapshot };
}

export interface Fleet {
  /** Reads the JSON text of a CpuSnapshot. Throws what `parse` throws. */
  readonly read: (text: string) => FleetHost;
  readonly host: (name: string, snapshot: Snapshot) => FleetHost;
  /** The answer of `check` for `profiles[profile]` and `host`. */
  readonly verdict: (profile: number, host: FleetHost) => Compatible;
}

type Told = Pick<Snapshot, 'vendor' | 'source' | 'partial' | 'capabilities'>;

/** Compiles `profiles` into one row layout. Hosts of one fleet mean nothing to another. */
export function createFleet(profiles: readonly Profile[], { apiVersion, parse }: FleetOptions): Fleet {
  const layout = new FleetLayout();
  const bits: HostBits = {
    intel: layout.bit(),
    amd: layout.bit(),
    msrFilter: layout.bit(),
    nested: layout.bit(),
  };
  const programs = profiles.map((profile) => compileProgram(compileProfile(profile), layout, bits));
  const keepSnapshots = programs.includes(undefined);

  const finish = (row: Uint32Array, { vendor, capabilities }: Told): Uint32Array => {
    layout.set(bits[vendor]);
    if (capabilities.msrFilter) layout.set(bits.msrFilter);
    if (capabilities.nested) layout.set(bits.nested);
    return row;
  };

  const host = (name: string, snapshot: Snapshot): FleetHost => {
    const { featureMsrs, msrIndices } = snapshot;
    if (!complete(snapshot, featureMsrs !== undefined && msrIndices !== undefined)) {
      return { name, row: undefined, snapshot };
    }
    const row = layout.start();
    pourSnapshot(snapshot, layout);
    return { name, row: finish(row, snapshot), snapshot: keepSnapshots ? snapshot : undefined };
  };

  const read = (text: string): FleetHost => {
    const row = layout.start();
    const scanned = keepSnapshots ? undefined : scanSnapshot(text, apiVersion, layout);
    if (scanned !== undefined && complete(scanned, listsObserved(scanned))) {
      return { name: scanned.name, row: finish(row, scanned), snapshot: undefined };
    }
    const { name, snapshot } = parse(text);
    return host(name, snapshot);
  };

  const ordinary = (profile: number, { snapshot }: FleetHost): Compatible => {
    const named = profiles[profile];
    if (named === undefined) throw new RangeError(`a fleet of ${profiles.length} has no profile ${profile}`);
    if (snapshot === undefined) throw new TypeError('a host of another fleet');
    return check(named, snapshot).compatible;
  };

  const verdict = (profile: number, each: FleetHost): Compatible => {
    const program: Program | undefined = programs[profile];
    if (program === undefined || each.row === undefined) return ordinary(profile, each);
    return honours(program, each.row) ? 'Yes' : 'No';
  };

  return { read, host, verdict };
}

const listsObserved = ({ featureMsrs, msrIndices }: ScannedSnapshot): boolean => featureMsrs && msrIndices;

/** Only KVM's complete answer leaves no room for Unknown. */
const complete = ({ source, partial }: Told, lists: boolean): boolean =>
  source === 'kvm' && !partial && lists;
