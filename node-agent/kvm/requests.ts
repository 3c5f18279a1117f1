/** Numbers of the KVM interface. Source: Linux include/uapi/linux/kvm.h and asm-generic/ioctl.h. */

/** `_IOC(direction, KVMIO, number, size)`: direction in bits 30-31, size in 16-29, type in 8-15, number in 0-7. */
const request = (direction: number, number: number, size: number): number =>
  ((direction << 30) | (size << 16) | (KVMIO << 8) | number) >>> 0;

const KVMIO = 0xae;
const NONE = 0;
const WRITE = 1;
const READ_WRITE = 3;

/** The only version there has ever been since Linux 2.6.22. */
export const KVM_API_VERSION = 12;

/** `_IO(KVMIO, 0x00)` */
export const KVM_GET_API_VERSION = request(NONE, 0x00, 0);
/** `_IO(KVMIO, 0x01)` */
export const KVM_CREATE_VM = request(NONE, 0x01, 0);
/** `_IOWR(KVMIO, 0x02, struct kvm_msr_list)` */
export const KVM_GET_MSR_INDEX_LIST = request(READ_WRITE, 0x02, 4);
/** `_IO(KVMIO, 0x03)` */
export const KVM_CHECK_EXTENSION = request(NONE, 0x03, 0);
/** `_IOWR(KVMIO, 0x05, struct kvm_cpuid2)` */
export const KVM_GET_SUPPORTED_CPUID = request(READ_WRITE, 0x05, 8);
/** `_IOWR(KVMIO, 0x0a, struct kvm_msr_list)` */
export const KVM_GET_MSR_FEATURE_INDEX_LIST = request(READ_WRITE, 0x0a, 4);
/** `_IOWR(KVMIO, 0x88, struct kvm_msrs)` */
export const KVM_GET_MSRS = request(READ_WRITE, 0x88, 8);
/** `_IOW(KVMIO, 0xc6, struct kvm_msr_filter)`; the structure holds 16 ranges of 24 bytes behind 8 bytes. */
export const KVM_X86_SET_MSR_FILTER = request(WRITE, 0xc6, 8 + 16 * 24);

export const KVM_CAP_GET_MSR_FEATURES = 153;
export const KVM_CAP_X86_USER_SPACE_MSR = 188;
export const KVM_CAP_X86_MSR_FILTER = 189;

/** arch_prctl codes and their system call. Linux arch/x86/include/uapi/asm/prctl.h, syscall_64.tbl. */
export const SYS_ARCH_PRCTL = 158;
export const ARCH_GET_XCOMP_SUPP = 0x1021;
export const ARCH_REQ_XCOMP_GUEST_PERM = 0x1025;
