/**
 * The boundary to the kernel: the few calls that Node lacks, made through koffi. Everything above takes the `Kvm`
 * interface, so that a test can let any call fail; nothing above knows about koffi or errno.
 */
import type * as koffiModule from 'koffi';
import { closeSync, constants, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { KvmError } from './errors.ts';
import { SYS_ARCH_PRCTL } from './requests.ts';

/**
 * System calls as the kernel answers them: a result of 0 or more, or the negative error number (`-osConstants.errno.E2BIG`).
 * All of them run on the calling thread and return at once.
 */
export interface Kvm {
  /** Opens read-write and close-on-exec; the file descriptor, or a negative error number. */
  open(path: string): number;
  close(fd: number): void;
  /** `argument` is passed by value when a number, and in place, both ways, when bytes. */
  ioctl(fd: number, request: number, argument: number | Uint8Array): number;
  /** arch_prctl(2) with a number, or with the place for a 64-bit answer. */
  archPrctl(code: number, argument: number | Uint8Array): number;
  /** CPU mask of the calling thread, bit i in byte i/8. */
  getAffinity(mask: Uint8Array): number;
  setAffinity(mask: Uint8Array): number;
  /** Address of `bytes`, for pointers inside structures. The caller keeps `bytes` referenced while the kernel may read it. */
  address(bytes: Uint8Array): bigint;
}

type Koffi = typeof koffiModule.default;

let loaded: Promise<Kvm> | undefined;

/**
 * The real kernel. koffi is loaded on the first call and once per process; programs that never ask KVM do not pay for it.
 * Throws KvmError PlatformUnsupported or LibraryMissing.
 */
export function loadKvm(): Promise<Kvm> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Kvm> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new KvmError(
      'PlatformUnsupported',
      `KVM profiles exist on Linux x86-64 only, this is ${process.platform} ${process.arch}`,
    );
  }
  try {
    return bind((await import('koffi')).default);
  } catch (cause) {
    throw new KvmError(
      'LibraryMissing',
      `koffi cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function bind(koffi: Koffi): Kvm {
  // The symbols of the running program: Node is linked to the C library, glibc or musl, whatever its file is called.
  const libc = koffi.load(null);
  // C declares ioctl and syscall variadic. On x86-64 a fixed declaration passes the same registers, and is faster.
  const ioctlValue = libc.func('ioctl', 'int', ['int', 'unsigned long', 'long']);
  const ioctlBytes = libc.func('ioctl', 'int', ['int', 'unsigned long', 'void *']);
  const prctlValue = libc.func('syscall', 'long', ['long', 'long', 'long']);
  const prctlBytes = libc.func('syscall', 'long', ['long', 'long', 'void *']);
  // pid 0 is the calling thread.
  const getAffinity = libc.func('sched_getaffinity', 'int', ['int', 'size_t', 'void *']);
  const setAffinity = libc.func('sched_setaffinity', 'int', ['int', 'size_t', 'void *']);
  // errno is read before anything else can run.
  const answer = (result: unknown): number => (Number(result) < 0 ? -koffi.errno() : Number(result));
  return {
    open: openDevice,
    close: closeSync,
    ioctl: (fd, request, argument) =>
      answer(
        typeof argument === 'number' ? ioctlValue(fd, request, argument) : ioctlBytes(fd, request, argument),
      ),
    archPrctl: (code, argument) =>
      answer(
        typeof argument === 'number'
          ? prctlValue(SYS_ARCH_PRCTL, code, argument)
          : prctlBytes(SYS_ARCH_PRCTL, code, argument),
      ),
    getAffinity: (mask) => answer(getAffinity(0, mask.byteLength, mask)),
    setAffinity: (mask) => answer(setAffinity(0, mask.byteLength, mask)),
    address: (bytes) => koffi.address(bytes),
  };
}

/** Node's own open: it sets O_CLOEXEC. O_NONBLOCK keeps a path that is a serial line or FIFO from blocking the thread. */
function openDevice(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    return -number;
  }
}

function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return Object.entries(osConstants.errno).find(([name]) => name === error.code)?.[1];
}
