/** Every filter we compile is one that the kernel takes: KVM_X86_SET_MSR_FILTER on a throw-away VM of the real /dev/kvm. */
import fc from 'fast-check';
import { accessSync, constants, readdirSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Kvm, loadKvm } from '../../node-agent/kvm/ioctl.ts';
import { probe } from '../../node-agent/kvm/probe.ts';
import {
  KVM_CAP_X86_MSR_FILTER,
  KVM_CHECK_EXTENSION,
  KVM_CREATE_VM,
  KVM_X86_SET_MSR_FILTER,
} from '../../node-agent/kvm/requests.ts';
import { catalogEntry, catalogNames } from '../../profiles/catalog/catalog.ts';
import { generate } from '../../profiles/make/generate.ts';
import { FILTER_MODES, type ProfileData, profileDataFromWire } from '../../profiles/model/profile.ts';
import { type Vendor, VENDORS } from '../../profiles/model/registers.ts';
import { type CompiledFilter, compileFilter } from '../../profiles/msr-filter/compile.ts';
import { encodeFilter, FILTER_BYTES } from '../../profiles/msr-filter/encode.ts';
import { anyProfile } from '../arbitrary-profile.ts';

const DEVICE = '/dev/kvm';
const usable = ((): boolean => {
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
})();
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const { EINVAL, EFAULT } = osConstants.errno;

describe.skipIf(!usable)('KVM_X86_SET_MSR_FILTER on /dev/kvm', () => {
  let kvm: Kvm;
  let device = -1;
  let filesBefore = 0;

  beforeAll(async () => {
    kvm = await loadKvm();
    filesBefore = openFiles();
    device = kvm.open(DEVICE);
    expect(device).toBeGreaterThanOrEqual(0);
    expect(kvm.ioctl(device, KVM_CHECK_EXTENSION, KVM_CAP_X86_MSR_FILTER)).toBe(1);
  });

  afterAll(() => {
    kvm.close(device);
    expect(openFiles()).toBe(filesBefore);
  });

  /** What the kernel answers for these bytes on a VM of its own. */
  function answer(bytes: Uint8Array): number {
    const vm = kvm.ioctl(device, KVM_CREATE_VM, 0);
    expect(vm).toBeGreaterThanOrEqual(0);
    try {
      return kvm.ioctl(vm, KVM_X86_SET_MSR_FILTER, bytes);
    } finally {
      kvm.close(vm);
    }
  }

  function accept(filter: CompiledFilter): number {
    const bitmaps = filter.ranges.map(({ bitmap }) => bitmap);
    const result = answer(
      encodeFilter(
        filter,
        bitmaps.map((bitmap) => kvm.address(bitmap)),
      ),
    );
    // Used after the call, so that the bitmaps are still there while the kernel reads them.
    expect(bitmaps).toHaveLength(filter.ranges.length);
    return result;
  }

  const allModes = (vendor: Vendor, data: ProfileData): number[] =>
    FILTER_MODES.map((filter) => accept(compileFilter({ vendor, data, filter })));

  it.each(catalogNames())('takes every filter of the shipped profile %s', (name) => {
    const entry = catalogEntry(name);
    expect(entry).toBeDefined();
    if (entry === undefined) return;
    expect(allModes(entry.vendor, profileDataFromWire(entry.data).data)).toEqual([0, 0, 0]);
  });

  it.each([{}, { nested: true }])(
    'takes every filter of a profile generated from this machine, %o',
    async (options) => {
      const { snapshot } = await probe();
      // A machine without nesting has nothing to generate it from.
      const { vendor, data } = generate(
        'this-machine',
        snapshot,
        snapshot.capabilities.nested ? options : {},
      );
      expect(data.requiredMsrs.length).toBeGreaterThan(0);
      expect(allModes(vendor, data)).toEqual([0, 0, 0]);
    },
  );

  it.each(VENDORS)('takes the filters of an empty profile of vendor %s', (vendor) => {
    expect(allModes(vendor, { cpuid: [], featureMsrs: [], requiredMsrs: [] })).toEqual([0, 0, 0]);
  });

  it('takes the filter of any profile', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        expect(accept(compileFilter(profile))).toBe(0);
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  it('would refuse what the compiler avoids: the answers mean something', () => {
    // Default deny without a range.
    const empty = new Uint8Array(FILTER_BYTES);
    empty[0] = 1;
    expect(answer(empty)).toBe(-EINVAL);
    // One MSR more than 0x600 bytes of bitmap hold.
    const bitmap = new Uint8Array(1544);
    const range = { flags: 3, base: 0x1000, count: 12_289, bitmap } as const;
    expect(accept({ mode: 'closed', flags: 1, ranges: [range], allowed: [] })).toBe(-EINVAL);
    // A bitmap at an address that is not the process's.
    const nowhere = encodeFilter(
      { mode: 'closed', flags: 1, ranges: [{ ...range, count: 64 }], allowed: [] },
      [8n],
    );
    expect(answer(nowhere)).toBe(-EFAULT);
  });
});
