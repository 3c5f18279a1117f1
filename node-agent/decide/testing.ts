/** Inputs for tests of the decision: a node with a good probe and one compatible profile, changed as a test needs it. */
import { AGENT_MANAGER, profileLabel, SNAPSHOT_LABEL, VENDOR_LABEL } from '../../crds/kinds.ts';
import type { NodeCpuStatus, Provenance } from '../../crds/node-cpu.ts';
import { decide, type Decision } from './decide.ts';
import type { Assessment, Input, ProbeOutcome } from './input.ts';

export const NOW = new Date('2026-03-01T12:00:00.500Z');
export const SNAPSHOT = 'amd-0123456789abcdef';
export const PROVENANCE: Provenance = {
  cpu: 'AMD EPYC 7B13',
  family: 25,
  model: 1,
  stepping: 1,
  microcode: '0xa0011d1',
  firmware: 'Acme 1.2',
  kernel: '6.12.9',
  bootId: 'b1',
};

export const minutesLater = (minutes: number, from = NOW): Date =>
  new Date(from.getTime() + minutes * 60_000);

export const good = (changes: Partial<Extract<ProbeOutcome, { good: true }>> = {}): ProbeOutcome => ({
  good: true,
  snapshot: SNAPSHOT,
  vendor: 'amd',
  provenance: PROVENANCE,
  at: NOW,
  ...changes,
});
export const failed = (reason = 'DeviceMissing', message = '/dev/kvm is not there'): ProbeOutcome => ({
  good: false,
  reason,
  message,
});

export const yes = (profile: string): Assessment => ({
  profile,
  digest: 'aaaaaaaaaaaaaaaa',
  compatible: 'Yes',
  reason: 'Compatible',
  findings: 0,
  message: '',
});
export const no = (profile: string, message = 'AVX512F is missing'): Assessment => ({
  profile,
  digest: 'bbbbbbbbbbbbbbbb',
  compatible: 'No',
  reason: 'CpuidBitsMissing',
  findings: 3,
  message,
});
export const unknown = (profile: string): Assessment => ({
  ...no(profile, 'the feature MSRs were not observed'),
  compatible: 'Unknown',
  reason: 'NotObserved',
});

/** Node labels as the agent writes them. */
export const agentLabels = (...profiles: string[]): Record<string, string> => ({
  [SNAPSHOT_LABEL]: SNAPSHOT,
  [VENDOR_LABEL]: 'amd',
  ...Object.fromEntries(profiles.map((profile) => [profileLabel(profile), 'true'])),
});

/** The labels of a Node, all owned by us but those named. */
export const nodeWith = (labels: Record<string, string>, notOurs: readonly string[] = []): Input['node'] => ({
  labels: { 'kubernetes.io/hostname': 'worker-1', ...labels },
  owned: new Set(Object.keys(labels).filter((key) => !notOurs.includes(key))),
});

export const input = (changes: Partial<Input> = {}): Input => ({
  probe: good(),
  assessments: [yes('rome')],
  node: nodeWith({}),
  gone: new Set(),
  previous: undefined,
  snapshotConflict: undefined,
  now: NOW,
  ...changes,
});

/** The status of a round, as the next round finds it. */
export const statusAfter = (changes: Partial<Input> = {}): NodeCpuStatus => decide(input(changes)).status;

export const condition = ({ status }: Decision, type: string) =>
  status.conditions?.find((candidate) => candidate.type === type);
export const verdict = ({ status }: Decision, profile: string) =>
  status.verdicts?.find((candidate) => candidate.profile === profile);

/** metadata.managedFields with one entry of ours for these label keys, and one of the kubelet. */
export const managedFields = (keys: readonly string[]): unknown[] => [
  { manager: 'kubelet', operation: 'Update', fieldsV1: { 'f:metadata': { 'f:labels': { 'f:other': {} } } } },
  {
    manager: AGENT_MANAGER,
    operation: 'Apply',
    fieldsV1: { 'f:metadata': { 'f:labels': Object.fromEntries(keys.map((key) => [`f:${key}`, {}])) } },
  },
];
