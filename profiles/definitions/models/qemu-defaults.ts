/**
 * What QEMU switches for every named model before the features that a user names, and what no name decides.
 * Source: QEMU target/i386/cpu.c (x86_cpu_load_model), target/i386/kvm/kvm-cpu.c (kvm_default_props), hw/i386/pc.c.
 */

/** On for every model, whatever runs it. */
export const QEMU_ADDED: readonly string[] = ['hypervisor'];

/** On under KVM for every named model, unless a machine type of old switches one off again. */
export const QEMU_KVM_ON: readonly string[] = [
  'kvmclock',
  'kvm-nopiodelay',
  'kvm-asyncpf',
  'kvm-steal-time',
  'kvm-pv-eoi',
  'kvmclock-stable-bit',
  'x2apic',
];

/** Off under KVM for every named model. */
export const QEMU_KVM_OFF: readonly string[] = ['acpi', 'monitor', 'svm', 'kvm-msi-ext-dest-id'];

/** Follows from the number of threads; KVM reports it to nobody, so `enforce` refuses it where it is named. */
export const QEMU_FROM_TOPOLOGY: readonly string[] = ['ht'];
