import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { allowedCpus, onCpu } from './affinity.ts';
import { loadKvm, type Kvm } from './ioctl.ts';

// The scheduler of the machine the tests run on: no /dev/kvm needed.
const kvm = await loadKvm();

test('the thread runs on the one CPU meanwhile and on all of them afterwards', () => {
  const before = allowedCpus(kvm);
  for (const cpu of before) expect(onCpu(kvm, cpu, () => allowedCpus(kvm))).toEqual({ value: [cpu] });
  expect(allowedCpus(kvm)).toEqual(before);
});

test('work that throws leaves the mask as it was', () => {
  const before = allowedCpus(kvm);
  const fail = (): never => {
    throw new Error('work failed');
  };
  expect(() => onCpu(kvm, before[0] ?? 0, fail)).toThrow('work failed');
  expect(allowedCpus(kvm)).toEqual(before);
});

test('a CPU that the machine does not have is no error', () => {
  const before = allowedCpus(kvm);
  expect(onCpu(kvm, 8191, () => 1)).toBeUndefined();
  expect(allowedCpus(kvm)).toEqual(before);
});

test('when the old mask has become impossible, the thread may run everywhere', () => {
  const before = allowedCpus(kvm);
  let calls = 0;
  // The second call is the one that restores; the third asks for every CPU.
  const narrowed: Kvm = {
    ...kvm,
    setAffinity: (mask) => ((calls += 1) === 2 ? -constants.errno.EINVAL : kvm.setAffinity(mask)),
  };
  expect(onCpu(narrowed, before[0] ?? 0, () => 'done')).toEqual({ value: 'done' });
  expect(calls).toBe(3);
  expect(allowedCpus(kvm)).toEqual(before);
});
