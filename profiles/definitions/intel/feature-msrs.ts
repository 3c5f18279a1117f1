/** Intel's MSR-based features outside VMX. SDM vol. 4, table 2-2. */
import type { MsrDefinition } from '../types.ts';
import { msr, type Table } from '../rows.ts';

export const INTEL_FEATURE_MSRS: Table<MsrDefinition> = {
  title: 'Intel feature MSRs',
  source: 'Cyberus Cloud Hypervisor fork (names, policies); Intel SDM vol. 4, table 2-2',
  rows: [
    msr(0x8b, 'IA32_BIOS_SIGN_ID', 'adjust', 'subset', [[[32, 63], 'PATCH_SIGN_ID', 'passthrough', 'ignore', 'identity']]),
    // Not architectural, but Skylake's KVM counts it among the features; no guest needs CPUID faulting.
    msr(0xce, 'MSR_PLATFORM_INFO', 'deny', 'ignore', [[[0, 63], 'PLATFORM_INFORMATION', 'passthrough', 'ignore', 'isa']]),
    // KVM takes any value for this one, so all of it is for us to compare: bits that nobody has defined must be equal.
    msr(0x10a, 'IA32_ARCH_CAPABILITIES', 'adjust', 'equal', [
      [0, 'RDCL_NO', 'inherit', 'subset', 'mitigation'],
      [1, 'IBRS_ALL', 'inherit', 'subset', 'mitigation'],
      [2, 'RSBA', 'inherit', 'superset', 'mitigation', 'reversed'],
      [3, 'SKIP_L1DFL_VMENTRY', 'inherit', 'subset', 'mitigation'],
      [4, 'SSB_NO', 'inherit', 'subset', 'mitigation'],
      [5, 'MDS_NO', 'inherit', 'subset', 'mitigation'],
      [6, 'IF_PSCHANGE_MC_NO', 'inherit', 'subset', 'mitigation'],
      [7, 'TSX_CTRL', 0, 'subset', 'mitigation'],
      [8, 'TAA_NO', 0, 'subset', 'mitigation'],
      [9, 'MCU_CONTROL', 0, 'subset', 'isa'],
      [10, 'MISC_PACKAGE_CTLS', 0, 'subset', 'isa'],
      [11, 'ENERGY_FILTERING_CTL', 0, 'subset', 'mitigation'],
      [12, 'DOITM', 0, 'subset', 'isa'],
      [13, 'SBDR_SSDP_NO', 'inherit', 'subset', 'mitigation'],
      [14, 'FBSDP_NO', 'inherit', 'subset', 'mitigation'],
      [15, 'PSDP_NO', 'inherit', 'subset', 'mitigation'],
      [16, 'MCU_ENUMERATION', 0, 'subset', 'isa'],
      [17, 'FB_CLEAR', 'inherit', 'subset', 'mitigation'], // tolerated when it alone is missing, see the comparison
      [18, 'FB_CLEAR_CTRL', 0, 'subset', 'mitigation'],
      [19, 'RRSBA', 'inherit', 'superset', 'mitigation', 'reversed'],
      [20, 'BHI_NO', 'inherit', 'subset', 'mitigation'],
      [21, 'XAPIC_DISABLE_STATUS', 0, 'subset', 'isa'],
      [22, 'MCU_EXTENDED_SERVICE', 0, 'subset', 'isa'],
      [23, 'OVERCLOCKING_STATUS', 0, 'subset', 'isa'],
      [24, 'PBRSB_NO', 'inherit', 'subset', 'mitigation'],
      [25, 'GDS_CTRL', 0, 'subset', 'mitigation'], // published: inherit; its control is MSR 0x123, and a 4.14 kernel shows the bit to every guest
      [26, 'GDS_NO', 'inherit', 'subset', 'mitigation'],
      [27, 'RFDS_NO', 'inherit', 'subset', 'mitigation'],
      [28, 'RFDS_CLEAR', 'inherit', 'subset', 'mitigation'],
      [29, 'IGN_UMONITOR_SUPPORT', 0, 'subset', 'isa'],
      [30, 'MON_UMON_MITG_SUPPORT', 0, 'subset', 'mitigation'],
      [32, 'PBOPT_SUPPORT', 0, 'subset', 'mitigation'], // published: inherit; needs MSR 0xbf, which no profile permits
      [62, 'ITS_NO', 'inherit', 'subset', 'mitigation'],
    ]),
    // Announced by PDCM, 1:ECX[15], which is static 0.
    msr(0x345, 'IA32_PERF_CAPABILITIES', 'deny', 'ignore', [[[0, 63], 'IA32_PERF_CAPABILITIES', 'passthrough', 'ignore', 'isa']]),
  ],
};
