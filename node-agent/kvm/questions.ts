/** The questions a probe asks on the open device, one function each. All throw KvmError. */
import { constants } from 'node:os';
import type { CpuidEntry, MsrValue } from '../../profiles/model/snapshot.ts';
import {
  cpuidBuffer,
  decodeCpuid,
  decodeMsrList,
  decodeMsrs,
  encodeMsrs,
  msrListBuffer,
  msrListLength,
} from './codecs.ts';
import { ioctlError, KvmError } from './errors.ts';
import {
  KVM_API_VERSION,
  KVM_CHECK_EXTENSION,
  KVM_GET_API_VERSION,
  KVM_GET_MSR_FEATURE_INDEX_LIST,
  KVM_GET_MSR_INDEX_LIST,
  KVM_GET_MSRS,
  KVM_GET_SUPPORTED_CPUID,
} from './requests.ts';

/** An open KVM device. */
export interface Device {
  /** For messages. */
  readonly path: string;
  /** One ioctl: a result of 0 or more, or a negative error number. */
  readonly ask: (request: number, argument: number | Uint8Array) => number;
}

const { E2BIG, ENOTTY, EINVAL } = constants.errno;

/** Measured on kernels 5.10 to 7.3: 19 to 76 CPUID entries, 33 to 101 MSRs; both fit the first time. */
const FIRST_GUESS = 128;
/** What a CpuSnapshot may hold. KVM itself stops at 256 CPUID entries. */
const MAX_CPUID_ENTRIES = 2048;
const MAX_MSRS = 4096;

/** NotKvm unless the device speaks KVM's stable API. */
export function checkApiVersion({ path, ask }: Device): void {
  const version = ask(KVM_GET_API_VERSION, 0);
  // Drivers differ in how they refuse a request they do not know.
  if (version === -ENOTTY || version === -EINVAL)
    throw new KvmError('NotKvm', `${path} is not the KVM device`);
  if (version < 0) throw ioctlError(path, 'KVM_GET_API_VERSION', version);
  if (version !== KVM_API_VERSION) {
    throw new KvmError('NotKvm', `${path} speaks KVM API version ${version}, not ${KVM_API_VERSION}`);
  }
}

export function hasCapability({ path, ask }: Device, capability: number): boolean {
  const answer = ask(KVM_CHECK_EXTENSION, capability);
  if (answer < 0) throw ioctlError(path, `KVM_CHECK_EXTENSION ${capability}`, answer);
  return answer > 0;
}

/** KVM_GET_SUPPORTED_CPUID, in KVM's order. On E2BIG KVM does not say how many entries there are: double. */
export function supportedCpuid({ path, ask }: Device): CpuidEntry[] {
  for (let room = FIRST_GUESS; room <= MAX_CPUID_ENTRIES; room *= 2) {
    const bytes = cpuidBuffer(room);
    const answer = ask(KVM_GET_SUPPORTED_CPUID, bytes);
    if (answer === -E2BIG) continue;
    if (answer < 0) throw ioctlError(path, 'KVM_GET_SUPPORTED_CPUID', answer);
    return decodeCpuid(bytes);
  }
  throw new KvmError(
    'AnswerInvalid',
    `KVM_GET_SUPPORTED_CPUID on ${path} has more than ${MAX_CPUID_ENTRIES} entries`,
  );
}

/** KVM_GET_MSR_INDEX_LIST: the MSRs KVM saves and restores, in KVM's order. */
export const msrIndices = (device: Device): number[] =>
  msrList(device, KVM_GET_MSR_INDEX_LIST, 'KVM_GET_MSR_INDEX_LIST');

/** KVM_GET_MSR_FEATURE_INDEX_LIST and the host's value of each. */
export function featureMsrs(device: Device): MsrValue[] {
  const indices = msrList(device, KVM_GET_MSR_FEATURE_INDEX_LIST, 'KVM_GET_MSR_FEATURE_INDEX_LIST');
  if (indices.length === 0) return [];
  const bytes = encodeMsrs(indices.map((index) => ({ index, value: 0n })));
  const read = device.ask(KVM_GET_MSRS, bytes);
  if (read < 0) throw ioctlError(device.path, 'KVM_GET_MSRS', read);
  const refused = indices[read];
  if (refused !== undefined) {
    throw new KvmError(
      'IoctlFailed',
      `KVM_GET_MSRS on ${device.path} cannot read feature MSR 0x${refused.toString(16)}, which KVM lists`,
    );
  }
  return decodeMsrs(bytes);
}

/** On E2BIG KVM leaves the number it wants in the buffer. */
function msrList({ path, ask }: Device, request: number, name: string): number[] {
  for (let room = FIRST_GUESS, tries = 0; room <= MAX_MSRS && tries < 4; tries += 1) {
    const bytes = msrListBuffer(room);
    const answer = ask(request, bytes);
    if (answer >= 0) return decodeMsrList(bytes);
    if (answer !== -E2BIG) throw ioctlError(path, name, answer);
    room = Math.max(room + 1, msrListLength(bytes));
  }
  throw new KvmError(
    'AnswerInvalid',
    `${name} on ${path} has more than ${MAX_MSRS} indices, or never settles`,
  );
}
