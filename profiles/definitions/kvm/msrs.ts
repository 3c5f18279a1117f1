/**
 * KVM's own MSRs and the bits of 0x40000001 EAX that announce them. 0x11 and 0x12 are also model-specific on Intel: permitted
 * wins. Linux virt/kvm/x86/msr.rst.
 */
import type { PermittedMsr } from '../types.ts';
import { bit, permitted, type Table } from '../rows.ts';

export const KVM_MSRS: Table<PermittedMsr> = {
  title: 'KVM MSRs',
  source: 'Linux Documentation/virt/kvm/x86/msr.rst and uapi/asm/kvm_para.h',
  rows: permitted([
    [0x11, 'KVM_WALL_CLOCK', 'rw', [bit(0x40000001, 0, 'eax', 0)]],
    [0x12, 'KVM_SYSTEM_TIME', 'rw', [bit(0x40000001, 0, 'eax', 0)]],
    [0x4b564d00, 'KVM_WALL_CLOCK_NEW', 'rw', [bit(0x40000001, 0, 'eax', 3)]],
    [0x4b564d01, 'KVM_SYSTEM_TIME_NEW', 'rw', [bit(0x40000001, 0, 'eax', 3)]],
    [0x4b564d02, 'KVM_ASYNC_PF_EN', 'rw', [bit(0x40000001, 0, 'eax', 4)]],
    [0x4b564d03, 'KVM_STEAL_TIME', 'rw', [bit(0x40000001, 0, 'eax', 5)]],
    [0x4b564d04, 'KVM_EOI_EN', 'rw', [bit(0x40000001, 0, 'eax', 6)]],
    [0x4b564d05, 'KVM_POLL_CONTROL', 'rw', [bit(0x40000001, 0, 'eax', 12)]],
    [0x4b564d06, 'KVM_ASYNC_PF_INT', 'rw', [bit(0x40000001, 0, 'eax', 14)]],
    [0x4b564d07, 'KVM_ASYNC_PF_ACK', 'rw', [bit(0x40000001, 0, 'eax', 14)]],
    [0x4b564d08, 'KVM_MIGRATION_CONTROL', 'rw', [bit(0x40000001, 0, 'eax', 17)]],
  ]),
};
