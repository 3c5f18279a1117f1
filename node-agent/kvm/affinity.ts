/** Moves the calling thread to one CPU after the other: KVM answers on the CPU that asks. sched_setaffinity(2). */
import { constants } from 'node:os';
import { errnoName, KvmError } from './errors.ts';
import type { Kvm } from './ioctl.ts';

/** 8,192 CPUs, the most an x86-64 kernel can be built for (NR_CPUS). */
const MASK_BYTES = 1024;

/** The CPUs this thread may run on, rising. Throws KvmError AffinityRefused. */
export function allowedCpus(kvm: Kvm): number[] {
  return cpusOf(readMask(kvm));
}

/**
 * Runs `work` on `cpu` and puts the thread's mask back, whatever happens. `work` must not be asynchronous: everything
 * the event loop did meanwhile would run there too. `undefined` when the CPU is gone (offline, or out of the cpuset).
 */
export function onCpu<T>(kvm: Kvm, cpu: number, work: () => T): { readonly value: T } | undefined {
  const before = readMask(kvm);
  const only = new Uint8Array(MASK_BYTES);
  only[cpu >> 3] = 1 << (cpu & 7);
  const moved = kvm.setAffinity(only);
  if (moved === -constants.errno.EINVAL) return undefined;
  if (moved < 0)
    throw new KvmError('AffinityRefused', `sched_setaffinity to CPU ${cpu} failed (${errnoName(-moved)})`);
  try {
    return { value: work() };
  } finally {
    restore(kvm, before);
  }
}

/** When the old mask has become impossible (the cpuset changed meanwhile), every CPU there is: the kernel cuts it down. */
function restore(kvm: Kvm, before: Uint8Array): void {
  if (kvm.setAffinity(before) >= 0) return;
  const failed = kvm.setAffinity(new Uint8Array(MASK_BYTES).fill(0xff));
  if (failed < 0) {
    throw new KvmError(
      'AffinityRefused',
      `sched_setaffinity back to all CPUs failed (${errnoName(-failed)})`,
    );
  }
}

function readMask(kvm: Kvm): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  const got = kvm.getAffinity(mask);
  if (got < 0) throw new KvmError('AffinityRefused', `sched_getaffinity failed (${errnoName(-got)})`);
  return mask;
}

function cpusOf(mask: Uint8Array): number[] {
  const cpus: number[] = [];
  mask.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit += 1) if (byte & (1 << bit)) cpus.push(8 * i + bit);
  });
  return cpus;
}
