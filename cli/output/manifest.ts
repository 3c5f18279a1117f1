/** Objects as files: what the verbs print can be applied with kubectl and read back by them. */
import { API_VERSION } from '../../crds/kinds.ts';
import type { FilterMode, ProfileDataWire } from '../../profiles/model/profile.ts';
import type { Vendor } from '../../profiles/model/registers.ts';
import {
  snapshotName,
  snapshotToWire,
  type Snapshot,
  type SnapshotWire,
} from '../../profiles/model/snapshot.ts';

export interface Manifest<Spec> {
  apiVersion: typeof API_VERSION;
  kind: string;
  metadata: { name: string };
  spec: Spec;
}

export interface ProfileManifestSpec {
  vendor: Vendor;
  data: ProfileDataWire;
  /** Absent: closed. */
  filter?: { mode: FilterMode };
}

export const profileManifest = (name: string, spec: ProfileManifestSpec): Manifest<ProfileManifestSpec> => ({
  apiVersion: API_VERSION,
  kind: 'CpuProfile',
  metadata: { name },
  spec,
});

export const snapshotManifest = (snapshot: Snapshot): Manifest<SnapshotWire> => ({
  apiVersion: API_VERSION,
  kind: 'CpuSnapshot',
  metadata: { name: snapshotName(snapshot) },
  spec: snapshotToWire(snapshot),
});
