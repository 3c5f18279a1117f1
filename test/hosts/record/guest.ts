/** Runs inside the recorded machine, bundled: prints its snapshot and provenance as one JSON line. */
import { probeEveryCpu } from '../../../node-agent/kvm/probe-machine.ts';
import { readProvenance } from '../../../node-agent/kvm/provenance.ts';
import { snapshotToWire } from '../../../profiles/model/snapshot.ts';

const { snapshot, cpus } = await probeEveryCpu();
const provenance = await readProvenance();
console.log(JSON.stringify({ snapshot: snapshotToWire(snapshot), provenance, cpus }));
