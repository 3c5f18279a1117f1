import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants as osConstants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { snapshotName } from '../../profiles/model/snapshot.ts';
import { allowedCpus } from './affinity.ts';
import { KVM_REASONS, KvmError } from './errors.ts';
import { loadKvm, type Kvm } from './ioctl.ts';
import { probeEveryCpu, probeOneCpu } from './probe-machine.ts';
import { probe } from './probe.ts';

const kvm = await loadKvm();
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const scratch = mkdtempSync(join(tmpdir(), 'probe-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function usable(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!usable())('the /dev/kvm of this machine', () => {
  test('its snapshot says what the machine is', async () => {
    const { snapshot, ioctlMilliseconds } = await probe();
    const intel = /^vendor_id\s*: GenuineIntel$/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
    expect(snapshot.vendor).toBe(intel ? 'intel' : 'amd');
    expect(snapshot.source).toBe('kvm');
    expect(snapshot.msrIndices).toContain(0x10);
    expect(snapshot.featureMsrs).not.toEqual([]);
    expect(snapshot.cpuid.length).toBeGreaterThan(10);
    expect(ioctlMilliseconds).toBeGreaterThan(0);
  });

  test('no id of a CPU is in it', async () => {
    const { snapshot } = await probe();
    for (const entry of snapshot.cpuid) {
      if (entry.leaf === 0x1) expect(entry.ebx >>> 24).toBe(0);
      if ([0xb, 0x1f, 0x8000_0026].includes(entry.leaf)) expect(entry.edx).toBe(0);
      if (entry.leaf === 0x8000_001e)
        expect([entry.eax, entry.ebx & 0xff, entry.ecx & 0xff]).toEqual([0, 0, 0]);
    }
  });

  test('two probes and every CPU give one name, and the thread may run where it might before', async () => {
    const before = allowedCpus(kvm);
    const machine = await probeEveryCpu();
    expect(machine.cpus.map(({ cpu }) => cpu)).toEqual(before);
    const names = [machine.snapshot, (await probe()).snapshot, (await probeOneCpu()).snapshot].map(
      snapshotName,
    );
    expect(new Set(names).size).toBe(1);
    expect(allowedCpus(kvm)).toEqual(before);
  });

  test('200 probes leave the open files as they were', async () => {
    await probe();
    const before = openFiles();
    for (let i = 0; i < 200; i += 1) await probe();
    expect(openFiles()).toBe(before);
  });

  test('whichever call fails, and however: a reason comes out, nothing stays open, the CPU mask is put back', async () => {
    await probe();
    const files = openFiles();
    const cpus = allowedCpus(kvm);
    for (const errno of [
      osConstants.errno.EIO,
      osConstants.errno.EINVAL,
      osConstants.errno.EPERM,
      osConstants.errno.E2BIG,
    ]) {
      let failures = 0;
      for (let nth = 1; ; nth += 1) {
        const { faulty, reached } = failing(kvm, nth, errno);
        const error = await probeOneCpu({ kvm: faulty }).then(
          () => undefined,
          (caught: unknown) => caught,
        );
        expect(openFiles(), `call ${nth}`).toBe(files);
        expect(allowedCpus(kvm), `call ${nth}`).toEqual(cpus);
        if (!reached()) break;
        // Some failures have a way round: E2BIG asks again, and EINVAL on arch_prctl means an old kernel.
        if (error === undefined) continue;
        expect(error).toBeInstanceOf(KvmError);
        if (error instanceof KvmError) expect(KVM_REASONS).toContain(error.reason);
        failures += 1;
      }
      expect(failures).toBeGreaterThan(4);
    }
  });
});

/** The real kernel, whose call number `nth` (of any kind but close) fails with `errno` instead. */
function failing(real: Kvm, nth: number, errno: number): { faulty: Kvm; reached: () => boolean } {
  let calls = 0;
  const or = (call: () => number): number => ((calls += 1) === nth ? -errno : call());
  const faulty: Kvm = {
    ...real,
    open: (path) => or(() => real.open(path)),
    ioctl: (fd, request, argument) => or(() => real.ioctl(fd, request, argument)),
    archPrctl: (code, argument) => or(() => real.archPrctl(code, argument)),
    getAffinity: (mask) => or(() => real.getAffinity(mask)),
    setAffinity: (mask) => or(() => real.setAffinity(mask)),
  };
  return { faulty, reached: () => calls >= nth };
}

describe('paths that are not KVM', () => {
  const file = join(scratch, 'file');
  writeFileSync(file, '');

  test.each([
    ['/dev/null', 'NotKvm'],
    [file, 'NotKvm'],
    [scratch, 'NotKvm'],
    [join(scratch, 'absent'), 'DeviceMissing'],
    [join(file, 'below'), 'DeviceMissing'],
  ])('%s is %s, and stays closed', async (device, reason) => {
    const before = openFiles();
    await expect(probe({ device })).rejects.toMatchObject({ name: 'KvmError', reason });
    expect(openFiles()).toBe(before);
  });

  const root = process.getuid?.() === 0;

  test.skipIf(!root)('a device node without a driver is missing (needs root for mknod)', async () => {
    const node = join(scratch, 'node');
    expect(spawnSync('mknod', [node, 'c', '240', '250']).status).toBe(0);
    await expect(probe({ device: node })).rejects.toMatchObject({ reason: 'DeviceMissing' });
  });

  test('a node whose mode forbids it is denied', (context) => {
    chmodSync(file, 0);
    chmodSync(scratch, 0o755);
    // Root may open anything: the question is asked by a child that is nobody.
    const script = `import { probe } from '${new URL('./probe.ts', import.meta.url).href}';
      console.log(await probe({ device: '${file}' }).then(() => 'opened', (error) => error.reason));`;
    const nobody = { uid: 65_534, gid: 65_534 };
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      cwd: '/',
      ...(root ? nobody : {}),
    });
    context.skip(
      child.error !== undefined || /EACCES|ERR_MODULE_NOT_FOUND/.test(child.stderr),
      'nobody may not read this folder',
    );
    expect(child.stderr).toBe('');
    expect(child.stdout.trim()).toBe('DeviceDenied');
  });
});
