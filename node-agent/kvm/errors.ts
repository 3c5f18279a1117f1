/** What can go wrong between us and KVM: a reason that is a condition and event reason, a message, and what to do. */
import { constants } from 'node:os';

export const KVM_REASONS = [
  'PlatformUnsupported',
  'LibraryMissing',
  'DeviceMissing',
  'DeviceBlocked',
  'DeviceDenied',
  'DeviceUnusable',
  'NotKvm',
  'UnknownVendor',
  'AmxRefused',
  'AffinityRefused',
  'CpusDiffer',
  'IoctlFailed',
  'AnswerInvalid',
] as const;
export type KvmReason = (typeof KVM_REASONS)[number];

/** One sentence per reason: what a person can do about it. */
export const REMEDIES: Readonly<Record<KvmReason, string>> = {
  PlatformUnsupported: 'Run it on the Linux x86-64 machine whose CPU is meant.',
  LibraryMissing: 'Install the packages koffi and @koromix/koffi-linux-x64 beside the program.',
  DeviceMissing:
    'On the machine: load kvm_intel or kvm_amd and switch virtualization on in the firmware. In a container: have a device plugin inject the device.',
  DeviceBlocked:
    "The container's device cgroup forbids the device: a hostPath volume is not enough, ask a device plugin for it (resource cpuprofiles.dev/kvm) or run privileged.",
  DeviceDenied:
    'The file mode of the device forbids it: run with the group that owns the device (often kvm) among the supplemental groups.',
  DeviceUnusable: 'Look at the error name: the device exists and the kernel refuses to open it.',
  NotKvm: 'Give the path of the KVM device, normally /dev/kvm.',
  UnknownVendor: 'Profiles exist for GenuineIntel and AuthenticAMD; this CPU can have none.',
  AmxRefused:
    'Let the process ask for AMX guest permission: no seccomp rule against arch_prctl, and no vCPU before the probe in the same process.',
  AffinityRefused:
    'Allow sched_getaffinity and sched_setaffinity for the own thread (seccomp), they need no capability.',
  CpusDiffer:
    'Bring every CPU of the machine to the same microcode (reload it or reboot); hybrid CPUs whose cores differ cannot run profiles.',
  IoctlFailed:
    'Look at the error name and the kernel log: KVM refused a question that every supported kernel answers.',
  AnswerInvalid: 'Report it with the kernel version: KVM gave an answer that contradicts itself.',
};

export class KvmError extends Error {
  override readonly name = 'KvmError';
  readonly reason: KvmReason;
  readonly remedy: string;

  constructor(reason: KvmReason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
    this.remedy = REMEDIES[reason];
  }
}

/** `EPERM` for 1, and `error 4242` for a number that has no name. */
export function errnoName(number: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? `error ${number}`;
}

/** `failed` is a negative error number, as the Kvm interface gives it. */
export function openError(device: string, failed: number): KvmError {
  const name = errnoName(-failed);
  switch (name) {
    // ENODEV and ENXIO: a device node without a driver behind it.
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENODEV':
    case 'ENXIO':
      return new KvmError('DeviceMissing', `${device} is not there (${name})`);
    case 'EPERM':
      return new KvmError('DeviceBlocked', `the device cgroup forbids ${device} (EPERM)`);
    case 'EACCES':
      return new KvmError('DeviceDenied', `no permission to open ${device} (EACCES)`);
    case 'EISDIR':
      return new KvmError('NotKvm', `${device} is a directory`);
    default:
      return new KvmError('DeviceUnusable', `${device} cannot be opened (${name})`);
  }
}

/** `failed` is a negative error number. */
export const ioctlError = (device: string, request: string, failed: number): KvmError =>
  new KvmError('IoctlFailed', `${request} on ${device} failed (${errnoName(-failed)})`);
