import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { recordedKvm } from '../../test/hosts/recorded-kvm.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import type { Kvm } from './ioctl.ts';
import { probeEveryCpu, probeOneCpu } from './probe-machine.ts';

const none = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
const leaf0 = { leaf: 0, subleaf: 0, eax: 0x1f, ebx: 0x756e6547, ecx: 0x6c65746e, edx: 0x49656e69 };
const host: Snapshot = {
  vendor: 'intel',
  source: 'kvm',
  partial: false,
  cpuid: [leaf0, { leaf: 7, subleaf: 0, ...none, ebx: 0xf }],
  featureMsrs: [{ index: 0x8b, value: 1n }],
  msrIndices: [0x10, 0x1b],
  capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
};
/** Four CPUs, the given one with `changes`. */
const fourCpus = (odd: number, changes: Partial<Snapshot>) =>
  recordedKvm(host, { cpus: 4, snapshotOn: (cpu) => (cpu === odd ? { ...host, ...changes } : host) });

test('every CPU is asked once', async () => {
  const kvm = recordedKvm(host, { cpus: 4 });
  const { snapshot, cpus } = await probeEveryCpu({ kvm });
  expect(snapshot).toEqual(host);
  expect(cpus.map(({ cpu }) => cpu)).toEqual([0, 1, 2, 3]);
});

test('ids that differ by CPU are no difference', async () => {
  const kvm = recordedKvm(host, {
    cpus: 4,
    snapshotOn: (cpu) => ({ ...host, cpuid: [leaf0, { leaf: 0xb, subleaf: 0, ...none, edx: cpu }] }),
  });
  expect((await probeEveryCpu({ kvm })).cpus).toHaveLength(4);
});

const hybrid: Partial<Snapshot> = { cpuid: [leaf0, { leaf: 7, subleaf: 0, ...none, ebx: 0xd }] };

test.each([
  ['a register', hybrid, 'CPUID leaf 0x7 subleaf 0x0 EBX is 0xf and 0xd'],
  ['a leaf', { cpuid: [leaf0] }, 'CPUID leaf 0x7 subleaf 0x0 EAX is 0x0 and absent'],
  ['a feature MSR', { featureMsrs: [{ index: 0x8b, value: 2n }] }, 'feature MSR 0x8b is 0x1 and 0x2'],
  ['an index', { msrIndices: [0x10] }, 'KVM_GET_MSR_INDEX_LIST entry 0x1b is there and absent'],
  [
    'a capability',
    { capabilities: { ...host.capabilities, msrFilter: false } },
    'capability msrFilter is true and false',
  ],
])('%s that differs names both CPUs, the place and both values', async (_, changes, difference) => {
  const kvm = fourCpus(2, changes);
  await expect(probeEveryCpu({ kvm })).rejects.toMatchObject({
    reason: 'CpusDiffer',
    message: `CPU 0 and CPU 2 answer differently: ${difference}`,
  });
  expect(kvm.affinity()).toBe(0b1111);
  expect(kvm.openFiles.size).toBe(0);
});

test('one probe a turn visits the CPUs in a circle', async () => {
  const kvm = recordedKvm(host, { cpus: 3 });
  const visited: number[] = [];
  for (let after: number | undefined, i = 0; i < 5; i += 1) {
    after = (await probeOneCpu({ kvm, after })).cpu;
    visited.push(after);
  }
  expect(visited).toEqual([0, 1, 2, 0, 1]);
});

test('a CPU that has gone meanwhile is skipped', async () => {
  const real = recordedKvm(host, { cpus: 3 });
  const kvm: Kvm = {
    ...real,
    setAffinity: (mask) => (mask[0] === 0b010 ? -constants.errno.EINVAL : real.setAffinity(mask)),
  };
  expect((await probeEveryCpu({ kvm })).cpus.map(({ cpu }) => cpu)).toEqual([0, 2]);
  expect((await probeOneCpu({ kvm, after: 0 })).cpu).toBe(2);
});

test('a kernel that moves no thread is an error, and so is one that shows no mask', async () => {
  const { EPERM, EINVAL } = constants.errno;
  const refusing = (changes: Partial<Kvm>): Kvm => ({ ...recordedKvm(host), ...changes });
  for (const kvm of [
    refusing({ setAffinity: () => -EPERM }),
    refusing({ setAffinity: () => -EINVAL }),
    refusing({ getAffinity: () => -EPERM }),
  ]) {
    await expect(probeEveryCpu({ kvm })).rejects.toMatchObject({ reason: 'AffinityRefused' });
    await expect(probeOneCpu({ kvm })).rejects.toMatchObject({ reason: 'AffinityRefused' });
  }
});
