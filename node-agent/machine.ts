/** The machine that the agent runs on. */
import type { Clock } from '../kube/clock.ts';
import { probeEveryCpu, probeOneCpu } from './kvm/probe-machine.ts';
import { readProvenance } from './kvm/provenance.ts';
import type { Machine } from './observer.ts';

/** Probes `device` through the kernel of this machine. */
export const thisMachine = (device: string, clock: Clock): Machine => ({
  everyCpu: () => probeEveryCpu({ device, clock }),
  oneCpu: (after) => probeOneCpu({ device, clock, after }),
  provenance: () => readProvenance(),
});
