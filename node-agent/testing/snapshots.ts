/** Snapshots that differ where a test needs them to. */
import type { Snapshot } from '../../profiles/model/snapshot.ts';

/** As KVM on some AMD host would answer, with `msr` in its index list. */
export const snapshotWithMsr = (msr: number): Snapshot => ({
  vendor: 'amd',
  source: 'kvm',
  partial: false,
  cpuid: [],
  featureMsrs: [],
  msrIndices: [msr],
  capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
});
