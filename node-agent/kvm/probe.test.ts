import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { recordedKvm, xcompPrctl, type RecordedKvmOptions } from '../../test/hosts/recorded-kvm.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import { KvmError, type KvmReason } from './errors.ts';
import type { Kvm } from './ioctl.ts';
import { prepare, probe, probeHere } from './probe.ts';
import { KVM_GET_API_VERSION, KVM_GET_MSRS } from './requests.ts';

const none = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
const INTEL_LEAF_0 = { leaf: 0, subleaf: 0, eax: 0x1f, ebx: 0x756e6547, ecx: 0x6c65746e, edx: 0x49656e69 };
const AMD_LEAF_0 = { leaf: 0, subleaf: 0, eax: 0x10, ebx: 0x68747541, ecx: 0x444d4163, edx: 0x69746e65 };

const host = (changes: Partial<Snapshot> = {}): Snapshot => ({
  vendor: 'intel',
  source: 'kvm',
  partial: false,
  cpuid: [INTEL_LEAF_0, { leaf: 1, subleaf: 0, ...none, eax: 0x806f8, ecx: 1 << 5 }],
  featureMsrs: [{ index: 0x10a, value: 0x0c0a_0c4cn }],
  msrIndices: [0x10, 0x1b, 0x10a],
  capabilities: { msrFilter: true, userSpaceMsr: true, nested: false },
  ...changes,
});

/** Runs a probe and checks that it left nothing open. */
async function probed(snapshot: Snapshot, options?: RecordedKvmOptions): Promise<unknown> {
  const kvm = recordedKvm(snapshot, options);
  const result = await probe({ kvm, root: '/nonexistent' }).catch((error: unknown) => error);
  expect(kvm.openFiles.size).toBe(0);
  return result;
}

const refused = (reason: KvmReason, message: RegExp): unknown =>
  expect.objectContaining({ name: 'KvmError', reason, message: expect.stringMatching(message) as string });

test('what KVM answers comes back as a snapshot', async () => {
  expect(await probed(host())).toMatchObject({ snapshot: host() });
});

test('entries and indices are sorted, however KVM orders them', async () => {
  const unsorted = { cpuid: [...host().cpuid].reverse(), msrIndices: [0x10a, 0x1b, 0x10] };
  expect(await probed(host(unsorted))).toMatchObject({ snapshot: host() });
});

test('the ids of the CPU that answered are zeroed', async () => {
  const leaf1 = { leaf: 1, subleaf: 0, ...none, eax: 0x806f8, ebx: 0x3702_0800 };
  expect(await probed(host({ cpuid: [INTEL_LEAF_0, leaf1] }))).toMatchObject({
    snapshot: { cpuid: [INTEL_LEAF_0, { ...leaf1, ebx: 0x0002_0800 }] },
  });
});

test('answers longer than the first buffer are read whole', async () => {
  const long = host({
    cpuid: [
      INTEL_LEAF_0,
      ...Array.from({ length: 300 }, (_, i) => ({ leaf: 0xd, subleaf: i, ...none, eax: i })),
    ],
    featureMsrs: Array.from({ length: 200 }, (_, i) => ({ index: 0x400 + i, value: BigInt(i) })),
    msrIndices: Array.from({ length: 1000 }, (_, i) => 0x1000 + i),
  });
  expect(await probed(long)).toMatchObject({ snapshot: long });
});

test('answers without end are refused', async () => {
  const entries = Array.from({ length: 2049 }, (_, i) => ({ leaf: 0xd, subleaf: i, ...none }));
  expect(await probed(host({ cpuid: entries }))).toEqual(refused('AnswerInvalid', /more than 2048 entries/));
  const indices = Array.from({ length: 4097 }, (_, i) => i);
  expect(await probed(host({ msrIndices: indices }))).toEqual(
    refused('AnswerInvalid', /KVM_GET_MSR_INDEX_LIST.*4096/),
  );
});

test('a KVM that cannot report feature MSRs leaves them unobserved; an empty list is observed and empty', async () => {
  expect(await probed(host({ featureMsrs: undefined }))).toMatchObject({
    snapshot: { featureMsrs: undefined },
  });
  expect(await probed(host({ featureMsrs: [] }))).toMatchObject({ snapshot: { featureMsrs: [] } });
});

test('capabilities are what KVM says', async () => {
  const capabilities = { msrFilter: false, userSpaceMsr: true, nested: false };
  expect(await probed(host({ capabilities }))).toMatchObject({ snapshot: { capabilities } });
});

test.each([
  ['HygonGenuine', { ebx: 0x6f677948, edx: 0x6e65476e, ecx: 0x656e6975 }],
  ['nothing', { ebx: 0, edx: 0, ecx: 0 }],
])('a CPU made by %s is refused', async (_, words) => {
  const cpuid = [{ leaf: 0, subleaf: 0, eax: 1, ...words }];
  expect(await probed(host({ cpuid }))).toEqual(refused('UnknownVendor', /neither Intel nor AMD/));
});

test('an answer without leaf 0 is refused', async () => {
  expect(await probed(host({ cpuid: [] }))).toEqual(refused('AnswerInvalid', /no CPUID leaf 0/));
});

test('a leaf that appears twice with different values is refused', async () => {
  const twice = [INTEL_LEAF_0, { leaf: 7, subleaf: 0, ...none }, { leaf: 7, subleaf: 0, ...none, ebx: 1 }];
  expect(await probed(host({ cpuid: twice }))).toEqual(
    refused('AnswerInvalid', /leaf 0x7 subleaf 0x0 appears twice/),
  );
});

test('a feature MSR that KVM lists and does not read is named', async () => {
  const real = recordedKvm(host());
  const kvm: Kvm = {
    ...real,
    ioctl: (fd, request, argument) => (request === KVM_GET_MSRS ? 0 : real.ioctl(fd, request, argument)),
  };
  await expect(probe({ kvm })).rejects.toEqual(refused('IoctlFailed', /cannot read feature MSR 0x10a/));
  expect(real.openFiles.size).toBe(0);
});

test('another API version is not our KVM', async () => {
  const real = recordedKvm(host());
  const kvm: Kvm = {
    ...real,
    ioctl: (fd, request, argument) =>
      request === KVM_GET_API_VERSION ? 11 : real.ioctl(fd, request, argument),
  };
  await expect(probe({ kvm })).rejects.toEqual(refused('NotKvm', /version 11, not 12/));
});

test.each([
  ['intel', 0x1, 5, true, true],
  ['intel', 0x1, 5, false, false],
  ['intel', 0x1, 2, true, false],
  ['amd', 0x8000_0001, 2, true, true],
  ['amd', 0x1, 2, true, false],
] as const)(
  'nesting on %s needs leaf %i ECX[%i] and the module parameter (%s): %s',
  async (vendor, leaf, bit, on, nested) => {
    const leaf0 = vendor === 'intel' ? INTEL_LEAF_0 : AMD_LEAF_0;
    const snapshot = host({ vendor, cpuid: [leaf0, { leaf, subleaf: 0, ...none, ecx: 1 << bit }] });
    const machine = await prepare({ kvm: recordedKvm(snapshot) });
    expect(probeHere({ ...machine, nestedOn: on }).snapshot.capabilities.nested).toBe(nested);
  },
);

const AMX = (1n << 17n) | (1n << 18n);

test('AMX is asked for before the CPUID question', async () => {
  const asked: string[] = [];
  const real = recordedKvm(host(), { archPrctl: xcompPrctl(AMX | 7n, 0) });
  const kvm: Kvm = {
    ...real,
    ioctl: (fd, request, argument) => {
      asked.push(`ioctl ${request.toString(16)}`);
      return real.ioctl(fd, request, argument);
    },
    archPrctl: (code, argument) => {
      asked.push(`prctl ${code.toString(16)}`);
      return real.archPrctl(code, argument);
    },
  };
  await probe({ kvm });
  expect(asked.slice(1, 4)).toEqual(['prctl 1021', 'prctl 1025', 'ioctl c008ae05']);
});

test('a machine with AMX that refuses guests is an error', async () => {
  const archPrctl = xcompPrctl(AMX, -constants.errno.EBUSY);
  expect(await probed(host(), { archPrctl })).toEqual(refused('AmxRefused', /GUEST_PERM.*EBUSY/));
});

test('without AMX nothing is asked for', async () => {
  const archPrctl = xcompPrctl(0xe7n, -constants.errno.EBUSY);
  expect(await probed(host(), { archPrctl })).not.toBeInstanceOf(KvmError);
});

test('a kernel that forbids the question is an error, an old one that does not know it is none', async () => {
  expect(await probed(host(), { archPrctl: () => -constants.errno.EPERM })).toEqual(
    refused('AmxRefused', /EPERM/),
  );
  expect(await probed(host(), { archPrctl: () => -constants.errno.EINVAL })).not.toBeInstanceOf(KvmError);
});
