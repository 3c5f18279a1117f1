/** Intel CPUID leaves 0x80000000 to 0x80000008. SDM vol. 2A, table 3-17. */
import type { CpuidDefinition } from '../types.ts';
import { cpuid, type Table } from '../rows.ts';

export const INTEL_CPUID_EXTENDED: Table<CpuidDefinition> = {
  title: 'Intel CPUID, leaves 0x80000000 to 0x80000008',
  source: 'x86-cpuid-db (names, bits); Cyberus Cloud Hypervisor fork (policies); Intel SDM vol. 2A, CPUID',
  rows: [
    cpuid(0x80000000, 0, 'eax', [[[0, 31], 'max_ext_leaf', 'inherit', 'at-most', 'isa']]),
    cpuid(0x80000000, 0, 'ebx', [[[0, 31], 'cpu_vendorid_0', 'passthrough', 'ignore', 'identity']]),
    cpuid(0x80000000, 0, 'ecx', [[[0, 31], 'cpu_vendorid_2', 'passthrough', 'ignore', 'identity']]),
    cpuid(0x80000000, 0, 'edx', [[[0, 31], 'cpu_vendorid_1', 'passthrough', 'ignore', 'identity']]),
    cpuid(0x80000001, 0, 'ecx', [
      [0, 'lahf_lm', 'inherit', 'subset', 'isa'],
      [5, 'lzcnt', 'inherit', 'subset', 'isa'],
      [8, 'prefetchw', 'inherit', 'subset', 'isa'],
    ]),
    cpuid(0x80000001, 0, 'edx', [
      [11, 'syscall', 'inherit', 'subset', 'isa'],
      [20, 'nx', 'inherit', 'subset', 'isa'],
      [26, 'pdpe1gb', 'inherit', 'subset', 'isa'],
      [27, 'rdtscp', 'inherit', 'subset', 'isa'],
      [29, 'lm', 'inherit', 'subset', 'isa'],
    ]),
    cpuid(0x80000002, 0, 'eax', [[[0, 31], 'cpu_brandid_0', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000002, 0, 'ebx', [[[0, 31], 'cpu_brandid_1', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000002, 0, 'ecx', [[[0, 31], 'cpu_brandid_2', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000002, 0, 'edx', [[[0, 31], 'cpu_brandid_3', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000003, 0, 'eax', [[[0, 31], 'cpu_brandid_4', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000003, 0, 'ebx', [[[0, 31], 'cpu_brandid_5', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000003, 0, 'ecx', [[[0, 31], 'cpu_brandid_6', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000003, 0, 'edx', [[[0, 31], 'cpu_brandid_7', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000004, 0, 'eax', [[[0, 31], 'cpu_brandid_8', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000004, 0, 'ebx', [[[0, 31], 'cpu_brandid_9', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000004, 0, 'ecx', [[[0, 31], 'cpu_brandid_10', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000004, 0, 'edx', [[[0, 31], 'cpu_brandid_11', 'inherit', 'identity', 'identity']]),
    cpuid(0x80000006, 0, 'ecx', [
      [[0, 7], 'l2_line_size', 'passthrough', 'ignore', 'topology'],
      [[8, 11], 'l2_nlines', 'passthrough', 'ignore', 'topology'],
      [[12, 15], 'l2_assoc', 'passthrough', 'ignore', 'topology'],
      [[16, 31], 'l2_size_kb', 'passthrough', 'ignore', 'topology'],
    ]),
    cpuid(0x80000007, 0, 'edx', [[8, 'constant_tsc', 'inherit', 'subset', 'isa']]),
    cpuid(0x80000008, 0, 'eax', [
      [[0, 7], 'phys_addr_bits', 'passthrough', 'ignore', 'topology'],
      [[8, 15], 'virt_addr_bits', 'passthrough', 'ignore', 'topology'],
      [[16, 23], 'guest_phys_addr_bits', 'passthrough', 'ignore', 'topology'],
    ]),
    // AMD's bits but for WBNOINVD: KVM shows them on Intel hosts too (Linux arch/x86/kvm/cpuid.c, kvm_set_cpu_caps). They
    // promise nothing that 7.0:EDX[26], [27] and [31] do not.
    cpuid(0x80000008, 0, 'ebx', [
      [9, 'wbnoinvd', 0, 'subset', 'isa'],
      [12, 'amd_ibpb', 0, 'subset', 'mitigation'],
      [14, 'amd_ibrs', 0, 'subset', 'mitigation'],
      [15, 'amd_stibp', 0, 'subset', 'mitigation'],
      [24, 'amd_ssbd', 0, 'subset', 'mitigation'],
    ]),
  ],
};
