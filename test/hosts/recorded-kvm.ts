/**
 * A kernel that answers from a snapshot, with the manners of the real one (room, E2BIG, EBADF): for what no machine at
 * hand can do, such as AMX, an unknown vendor, CPUs that differ or a very long list.
 */
import { constants } from 'node:os';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import type { Kvm } from '../../node-agent/kvm/ioctl.ts';
import {
  ARCH_GET_XCOMP_SUPP,
  KVM_API_VERSION,
  KVM_CAP_GET_MSR_FEATURES,
  KVM_CAP_X86_MSR_FILTER,
  KVM_CAP_X86_USER_SPACE_MSR,
  KVM_CHECK_EXTENSION,
  KVM_GET_API_VERSION,
  KVM_GET_MSR_FEATURE_INDEX_LIST,
  KVM_GET_MSR_INDEX_LIST,
  KVM_GET_MSRS,
  KVM_GET_SUPPORTED_CPUID,
} from '../../node-agent/kvm/requests.ts';

const { E2BIG, EBADF, EINVAL, ENOENT } = constants.errno;

export interface RecordedKvmOptions {
  readonly device?: string;
  /** How many CPUs there are; default 1. */
  readonly cpus?: number;
  /** What the given CPU answers; default the same snapshot on all. */
  readonly snapshotOn?: (cpu: number) => Snapshot;
  /** arch_prctl; default a kernel that knows no such question. */
  readonly archPrctl?: Kvm['archPrctl'];
}

export interface RecordedKvm extends Kvm {
  /** File descriptors open now. */
  readonly openFiles: ReadonlySet<number>;
  /** CPUs the thread may run on now, as a bit mask. */
  readonly affinity: () => number;
}

export function recordedKvm(snapshot: Snapshot, options: RecordedKvmOptions = {}): RecordedKvm {
  const allCpus = (1 << (options.cpus ?? 1)) - 1;
  const openFiles = new Set<number>();
  let nextFile = 100;
  let allowed = allCpus;
  const here = (): Snapshot => options.snapshotOn?.(31 - Math.clz32(allowed & -allowed)) ?? snapshot;
  return {
    openFiles,
    affinity: () => allowed,
    open: (path) => {
      if (path !== (options.device ?? '/dev/kvm')) return -ENOENT;
      openFiles.add((nextFile += 1));
      return nextFile;
    },
    close: (fd) => {
      if (!openFiles.delete(fd)) throw new Error(`file descriptor ${fd} is not open`);
    },
    ioctl: (fd, request, argument) => (openFiles.has(fd) ? answer(here(), request, argument) : -EBADF),
    archPrctl: options.archPrctl ?? (() => -EINVAL),
    getAffinity: (mask) => {
      mask[0] = allowed;
      return 0;
    },
    setAffinity: (mask) => {
      const wanted = (mask[0] ?? 0) & allCpus;
      if (wanted === 0) return -EINVAL;
      allowed = wanted;
      return 0;
    },
    address: () => {
      throw new Error('a recorded kernel has no memory');
    },
  };
}

/** An arch_prctl that shows `supported` as the permitted components and answers `asked` to every request for more. */
export const xcompPrctl =
  (supported: bigint, asked: number): Kvm['archPrctl'] =>
  (code, argument) => {
    if (code !== ARCH_GET_XCOMP_SUPP) return asked;
    if (typeof argument === 'number') return -EINVAL;
    view(argument).setBigUint64(0, supported, true);
    return 0;
  };

function answer(snapshot: Snapshot, request: number, argument: number | Uint8Array): number {
  if (typeof argument === 'number') {
    if (request === KVM_GET_API_VERSION) return KVM_API_VERSION;
    return request === KVM_CHECK_EXTENSION ? Number(capability(snapshot, argument)) : -EINVAL;
  }
  switch (request) {
    case KVM_GET_SUPPORTED_CPUID:
      return writeCpuid(snapshot, view(argument));
    case KVM_GET_MSR_INDEX_LIST:
      return writeList(snapshot.msrIndices ?? [], view(argument));
    case KVM_GET_MSR_FEATURE_INDEX_LIST:
      return writeList(
        (snapshot.featureMsrs ?? []).map((msr) => msr.index),
        view(argument),
      );
    case KVM_GET_MSRS:
      return readMsrs(snapshot, view(argument));
    default:
      return -EINVAL;
  }
}

function capability(snapshot: Snapshot, number: number): boolean {
  switch (number) {
    case KVM_CAP_GET_MSR_FEATURES:
      return snapshot.featureMsrs !== undefined;
    case KVM_CAP_X86_MSR_FILTER:
      return snapshot.capabilities.msrFilter;
    case KVM_CAP_X86_USER_SPACE_MSR:
      return snapshot.capabilities.userSpaceMsr;
    default:
      return false;
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function writeCpuid({ cpuid }: Snapshot, data: DataView): number {
  if (data.getUint32(0, true) < cpuid.length) return -E2BIG;
  data.setUint32(0, cpuid.length, true);
  cpuid.forEach(({ leaf, subleaf, eax, ebx, ecx, edx }, i) =>
    [leaf, subleaf, 0, eax, ebx, ecx, edx].forEach((word, n) =>
      data.setUint32(8 + 40 * i + 4 * n, word, true),
    ),
  );
  return 0;
}

function writeList(indices: readonly number[], data: DataView): number {
  const room = data.getUint32(0, true);
  data.setUint32(0, indices.length, true);
  if (room < indices.length) return -E2BIG;
  indices.forEach((index, i) => data.setUint32(4 + 4 * i, index, true));
  return 0;
}

/** As KVM does: fills in values up to the first MSR it does not know and answers how many that were. */
function readMsrs({ featureMsrs }: Snapshot, data: DataView): number {
  const count = data.getUint32(0, true);
  for (let i = 0; i < count; i += 1) {
    const index = data.getUint32(8 + 16 * i, true);
    const msr = featureMsrs?.find((candidate) => candidate.index === index);
    if (msr === undefined) return i;
    data.setBigUint64(8 + 16 * i + 8, msr.value, true);
  }
  return count;
}
