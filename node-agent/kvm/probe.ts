/** One observation of what KVM offers guests, on the CPU that happens to ask. */
import { systemClock, type Clock } from '../../kube/clock.ts';
import { InputError } from '../../profiles/model/input-error.ts';
import { zeroPerCpuIds } from '../../profiles/model/per-cpu-ids.ts';
import { vendorOf, type Vendor } from '../../profiles/model/registers.ts';
import { normaliseSnapshot, type CpuidEntry, type Snapshot } from '../../profiles/model/snapshot.ts';
import { requestAmx } from './amx.ts';
import { KvmError, openError } from './errors.ts';
import { loadKvm, type Kvm } from './ioctl.ts';
import { nestedParameter } from './module-parameters.ts';
import {
  checkApiVersion,
  featureMsrs,
  hasCapability,
  msrIndices,
  supportedCpuid,
  type Device,
} from './questions.ts';
import { KVM_CAP_GET_MSR_FEATURES, KVM_CAP_X86_MSR_FILTER, KVM_CAP_X86_USER_SPACE_MSR } from './requests.ts';

export const DEFAULT_DEVICE = '/dev/kvm';

export interface ProbeOptions {
  /** Path of the KVM device; default /dev/kvm. */
  readonly device?: string | undefined;
  /** The kernel; another one in tests. */
  readonly kvm?: Kvm | undefined;
  /** Where /sys is found; default `/`. */
  readonly root?: string | undefined;
  readonly clock?: Pick<Clock, 'monotonic'> | undefined;
}

export interface Probe {
  /** Normalised, source `kvm`, per-CPU ids zeroed. */
  readonly snapshot: Snapshot;
  /** Milliseconds the thread spent in the kernel: opening the device and all ioctls. */
  readonly ioctlMilliseconds: number;
}

/** What stays the same for every CPU of a machine. */
export interface Machine {
  readonly kvm: Kvm;
  readonly device: string;
  /** The module parameter `nested` of kvm_intel or kvm_amd. */
  readonly nestedOn: boolean;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Probes on whichever CPU the thread runs. Throws KvmError. Leaves nothing open. */
export async function probe(options: ProbeOptions = {}): Promise<Probe> {
  return probeHere(await prepare(options));
}

/** Loads what probing needs and reads what lies outside KVM. */
export async function prepare(options: ProbeOptions): Promise<Machine> {
  return {
    kvm: options.kvm ?? (await loadKvm()),
    device: options.device ?? DEFAULT_DEVICE,
    nestedOn: await nestedParameter(options.root),
    clock: options.clock ?? systemClock,
  };
}

/** Synchronous, so that the thread can be held on one CPU meanwhile. Throws KvmError. */
export function probeHere({ kvm, device, nestedOn, clock }: Machine): Probe {
  let ioctlMilliseconds = 0;
  const timed = (call: () => number): number => {
    const start = clock.monotonic();
    const answer = call();
    ioctlMilliseconds += clock.monotonic() - start;
    return answer;
  };
  const fd = timed(() => kvm.open(device));
  if (fd < 0) throw openError(device, fd);
  try {
    const ask: Device['ask'] = (request, argument) => timed(() => kvm.ioctl(fd, request, argument));
    const snapshot = observe({ path: device, ask }, kvm, nestedOn);
    return { snapshot, ioctlMilliseconds };
  } finally {
    kvm.close(fd);
  }
}

function observe(device: Device, kvm: Kvm, nestedOn: boolean): Snapshot {
  checkApiVersion(device);
  // Before the CPUID question: without the permission KVM leaves AMX out of its answer.
  requestAmx(kvm);
  const cpuid = supportedCpuid(device);
  const vendor = vendorIn(cpuid, device.path);
  try {
    return normaliseSnapshot({
      vendor,
      source: 'kvm',
      partial: false,
      cpuid: cpuid.map(zeroPerCpuIds),
      featureMsrs: hasCapability(device, KVM_CAP_GET_MSR_FEATURES) ? featureMsrs(device) : undefined,
      msrIndices: msrIndices(device),
      capabilities: {
        msrFilter: hasCapability(device, KVM_CAP_X86_MSR_FILTER),
        userSpaceMsr: hasCapability(device, KVM_CAP_X86_USER_SPACE_MSR),
        nested: nestedOn && offersNesting(vendor, cpuid),
      },
    });
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new KvmError('AnswerInvalid', `KVM on ${device.path} contradicts itself: ${cause.message}`, {
      cause,
    });
  }
}

function vendorIn(cpuid: readonly CpuidEntry[], path: string): Vendor {
  const leaf0 = cpuid.find((entry) => entry.leaf === 0);
  if (leaf0 === undefined) throw new KvmError('AnswerInvalid', `KVM on ${path} reports no CPUID leaf 0`);
  const vendor = vendorOf(leaf0.ebx, leaf0.ecx, leaf0.edx);
  if (vendor !== undefined) return vendor;
  const words = [leaf0.ebx, leaf0.edx, leaf0.ecx].map((word) => `0x${word.toString(16)}`).join(' ');
  throw new KvmError(
    'UnknownVendor',
    `KVM on ${path} reports a CPU of neither Intel nor AMD (EBX EDX ECX of leaf 0: ${words})`,
  );
}

/** VMX is 1:ECX[5] (Intel SDM vol. 2A), SVM is 80000001:ECX[2] (AMD APM vol. 3). */
function offersNesting(vendor: Vendor, cpuid: readonly CpuidEntry[]): boolean {
  const [leaf, bit] = vendor === 'intel' ? [0x1, 5] : [0x8000_0001, 2];
  return cpuid.some((entry) => entry.leaf === leaf && (entry.ecx & (1 << bit)) !== 0);
}
