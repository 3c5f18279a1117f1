/** AMX state has to be asked for before KVM offers it to guests. Linux Documentation/arch/x86/xstate.rst. */
import { errnoName, KvmError } from './errors.ts';
import type { Kvm } from './ioctl.ts';
import { ARCH_GET_XCOMP_SUPP, ARCH_REQ_XCOMP_GUEST_PERM } from './requests.ts';

const TILE_CONFIG = 17n;
const TILE_DATA = 18n;

/**
 * Asks for permission to give guests AMX tile data where the machine has AMX; true when it has. The permission belongs
 * to the process and stays: asking again is answered 0 and changes nothing, so that every probe may ask first.
 * Throws KvmError AmxRefused when the machine has AMX and the kernel refuses: KVM would silently leave it out.
 */
export function requestAmx(kvm: Kvm): boolean {
  const answer = new Uint8Array(8);
  const got = kvm.archPrctl(ARCH_GET_XCOMP_SUPP, answer);
  if (got < 0) {
    // Kernels before 5.16 do not know the question, and no KVM of theirs offers AMX.
    if (errnoName(-got) === 'EINVAL') return false;
    throw new KvmError('AmxRefused', `arch_prctl(ARCH_GET_XCOMP_SUPP) failed (${errnoName(-got)})`);
  }
  const supported = new DataView(answer.buffer).getBigUint64(0, true);
  const amx = (1n << TILE_CONFIG) | (1n << TILE_DATA);
  if ((supported & amx) !== amx) return false;
  const asked = kvm.archPrctl(ARCH_REQ_XCOMP_GUEST_PERM, Number(TILE_DATA));
  if (asked < 0) {
    throw new KvmError(
      'AmxRefused',
      `this CPU has AMX, and arch_prctl(ARCH_REQ_XCOMP_GUEST_PERM, 18) failed (${errnoName(-asked)})`,
    );
  }
  return true;
}
