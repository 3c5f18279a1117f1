/** The table of known causes. Only what its source says stands here; a new row needs a source and a test. */
import type { Finding, FindingCode } from '../model/finding.ts';
import type { Register, Vendor } from '../model/registers.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { entriesIn, indexHost } from './host-index.ts';

/** What is known of a host besides what KVM offers: fields of a NodeCpu's provenance. */
export interface Evidence {
  readonly cpu?: string | undefined;
  readonly microcode?: string | undefined;
  readonly firmware?: string | undefined;
  /** `uname -r`, such as `6.12.8-amd64`. */
  readonly kernel?: string | undefined;
  /** Parameters of KVM's modules, `kvm_intel.nested` and the like. */
  readonly modules?: Readonly<Record<string, string>> | undefined;
}

/** A question to what is known of a host: words that speak for the cause, `unknown`, or `contradicted`. */
export type Sign = (about: {
  readonly finding: Finding;
  readonly snapshot: Snapshot;
  readonly evidence: Evidence;
}) => string;

export type Place =
  | {
      readonly leaf: number;
      readonly subleaf?: number;
      readonly register: Register;
      readonly bits?: readonly number[];
    }
  | { readonly msr: number; readonly bits?: readonly number[] }
  /** The host as a whole. */
  | { readonly name: string };

export interface Cause {
  readonly code: string;
  readonly codes: readonly FindingCode[];
  /** Absent: wherever one of the codes is found. */
  readonly place?: Place;
  readonly vendor?: Vendor;
  readonly text: string;
  readonly signs: readonly Sign[];
  readonly remedy: string;
  readonly source: string;
}

/** Major and minor number of a kernel release; `undefined` for what is none. */
function version(release: string | undefined): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,4})/.exec(release ?? '');
  return match === null ? undefined : Number(match[1]) * 10_000 + Number(match[2]);
}

const kernelSign =
  (fits: (kernel: number) => boolean): Sign =>
  ({ evidence: { kernel } }) => {
    const number = version(kernel);
    if (number === undefined) return 'unknown';
    return fits(number) ? `kernel ${kernel ?? ''}` : 'contradicted';
  };
const before = (release: string): Sign => kernelSign((kernel) => kernel < (version(release) ?? 0));
const since = (release: string): Sign => kernelSign((kernel) => kernel >= (version(release) ?? 0));

const OFF = ['0', 'N', 'n'];

/** A module parameter that is off; on contradicts. */
const parameterOff =
  (...names: readonly string[]): Sign =>
  ({ evidence: { modules } }) => {
    const known = names.flatMap((name) => {
      const value = modules?.[name];
      return value === undefined ? [] : [{ name, value }];
    });
    const off = known.find(({ value }) => OFF.includes(value));
    if (off !== undefined) return `${off.name}=${off.value}`;
    return known.length > 0 && known.length === names.length ? 'contradicted' : 'unknown';
  };

/** Microcode or firmware do not say what they switch: they are shown for a reader to compare between hosts. */
const microcode: Sign = ({ evidence }) =>
  evidence.microcode === undefined ? 'unknown' : `microcode ${evidence.microcode}`;
const firmware: Sign = ({ evidence }) =>
  evidence.firmware === undefined ? 'unknown' : `firmware ${evidence.firmware}`;

/** 80000008:EBX announces IBPB and IBRS, and not that IBPB clears return predictions (AMD APM vol. 3, E.4.7). */
const ibpbWithoutRet: Sign = ({ snapshot }) => {
  const [entry] = entriesIn(indexHost(snapshot), 0x8000_0008, 0, 0);
  if (entry === undefined) return 'unknown';
  const bit = (number: number): boolean => ((entry.ebx >>> number) & 1) === 1;
  return bit(12) && bit(14) && !bit(30)
    ? 'CPUID 80000008.0:EBX[12] and [14] are set and [30] (IBPB_RET) is not'
    : 'contradicted';
};

const MISSING: readonly FindingCode[] = ['CpuidBitsMissing', 'CpuidEntryMissing'];
const INTEL_ENUMERATION =
  'Intel, CPUID Enumeration and Architectural MSRs (software security guidance), IA32_ARCH_CAPABILITIES';

export const CAUSES: readonly Cause[] = [
  {
    code: 'SpecCtrlTiedToIbpbRet',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'edx', bits: [26] },
    vendor: 'amd',
    text: 'From kernel 6.13 KVM derives this bit from IBPB_RET as well, which Zen 3 lacks. IBRS and IBPB stay announced by the bits of AMD, so guests lose nothing.',
    signs: [ibpbWithoutRet, since('6.13')],
    remedy: 'take the bit away from the profile: derive --without 7.0:EDX[26]',
    source: 'Linux arch/x86/kvm/cpuid.c, kvm_set_cpu_caps, X86_FEATURE_AMD_IBPB_RET',
  },
  {
    code: 'FlushL1dNotPassedOn',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'edx', bits: [28] },
    text: 'KVM passes FLUSH_L1D on to guests from kernel 6.4 only.',
    signs: [before('6.4')],
    remedy: 'a kernel from 6.4, or derive --without flush_l1d',
    source: 'Linux commit 45cf86f26148 (6.4), KVM: x86: advertise FLUSH_L1D to user space',
  },
  {
    code: 'TsxSwitchedOff',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'ebx', bits: [4, 11] },
    vendor: 'intel',
    text: 'Transactional memory can be switched off by microcode, and by the kernel, which does so unless it is started with tsx=on or tsx=auto or built for it.',
    signs: [microcode],
    remedy: 'tsx=on where the CPU and your policy allow it, or derive --without hle,rtm',
    source: 'Linux Documentation/admin-guide/hw-vuln/tsx_async_abort.rst; commit 95c5824f75f3',
  },
  {
    code: 'SgxSwitchedOff',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'ebx', bits: [2] },
    vendor: 'intel',
    text: 'SGX is there only where the firmware enables it in IA32_FEATURE_CONTROL and the kernel supports it.',
    signs: [firmware],
    remedy: 'enable SGX in the firmware setup, or derive --without sgx',
    source: 'Linux Documentation/arch/x86/sgx.rst',
  },
  {
    code: 'SgxLaunchControlLocked',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'ecx', bits: [30] },
    vendor: 'intel',
    text: 'Flexible launch control of SGX is opened by the firmware.',
    signs: [firmware],
    remedy: 'unlock SGX launch control in the firmware setup, or derive --without sgx_lc',
    source: 'Linux Documentation/arch/x86/sgx.rst',
  },
  {
    code: 'MpxRemoved',
    codes: MISSING,
    place: { leaf: 0x7, register: 'ebx', bits: [14] },
    vendor: 'intel',
    text: 'Intel dropped MPX from its processors; server generations after Cascade Lake do not have it.',
    signs: [],
    remedy: 'derive --without mpx',
    source: 'Intel SDM vol. 1, 2.5 (features removed)',
  },
  {
    code: 'AmxKernelTooOld',
    codes: MISSING,
    place: { leaf: 0x7, register: 'edx', bits: [22, 24, 25] },
    vendor: 'intel',
    text: 'KVM gives AMX to guests from kernel 5.17, and only to programs that asked for permission.',
    signs: [before('5.17')],
    remedy: 'a kernel from 5.17, or options.amx: false',
    source: 'Linux Documentation/arch/x86/xstate.rst, ARCH_REQ_XCOMP_GUEST_PERM (5.17)',
  },
  {
    code: 'MdClearNeedsMicrocode',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'edx', bits: [10] },
    vendor: 'intel',
    text: 'MD_CLEAR comes with a microcode update.',
    signs: [microcode],
    remedy: 'update the microcode',
    source: 'Linux Documentation/admin-guide/hw-vuln/mds.rst',
  },
  {
    code: 'SpecCtrlNeedsMicrocode',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x7, register: 'edx', bits: [26, 27, 31] },
    vendor: 'intel',
    text: 'On CPUs older than the attacks that they mitigate, IBRS, STIBP and SSBD come with a microcode update.',
    signs: [microcode],
    remedy: 'update the microcode',
    source: 'Linux Documentation/admin-guide/hw-vuln/spectre.rst',
  },
  {
    code: 'RrsbaEnumerated',
    codes: ['MsrBitsUnwanted'],
    place: { msr: 0x10a, bits: [19] },
    vendor: 'intel',
    text: 'Newer silicon, or newer microcode, says that returns may be predicted by other means than the return stack when it runs empty (RRSBA). It is a property of the CPU: no setting removes it.',
    signs: [microcode],
    remedy: 'a profile that admits it: derive --without RRSBA, or a baseline over both kinds of host',
    source: INTEL_ENUMERATION,
  },
  {
    code: 'RsbaEnumerated',
    codes: ['MsrBitsUnwanted'],
    place: { msr: 0x10a, bits: [2] },
    vendor: 'intel',
    text: 'The CPU says that returns may be predicted by the branch target buffer (RSBA). It is a property of the CPU: no setting removes it.',
    signs: [microcode],
    remedy: 'a profile that admits it: derive --without RSBA, or a baseline over both kinds of host',
    source: INTEL_ENUMERATION,
  },
  {
    code: 'FbClearDiffers',
    codes: ['MsrBitsMissing'],
    place: { msr: 0x10a, bits: [17] },
    vendor: 'intel',
    text: 'FB_CLEAR says that VERW overwrites fill buffers. CPUs that are immune to MMIO stale data need not have it; older microcode does not enumerate it.',
    signs: [microcode],
    remedy: 'update the microcode, or derive --without FB_CLEAR',
    source: 'Linux Documentation/admin-guide/hw-vuln/processor_mmio_stale_data.rst',
  },
  {
    code: 'RfdsNotPassedOn',
    codes: ['MsrBitsMissing'],
    place: { msr: 0x10a, bits: [27, 28] },
    vendor: 'intel',
    text: 'KVM passes RFDS_NO and RFDS_CLEAR on from kernel 6.9 and from stable kernels that took the change.',
    signs: [before('6.9')],
    remedy: 'a newer kernel, or derive --without RFDS_NO,RFDS_CLEAR',
    source: 'Linux Documentation/admin-guide/hw-vuln/reg-file-data-sampling.rst; commit 2a0180129d72',
  },
  {
    code: 'ImmunityOfTheSilicon',
    codes: ['MsrBitsMissing'],
    place: { msr: 0x10a, bits: [0, 1, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 62] },
    vendor: 'intel',
    text: 'Immunities are a property of silicon and stepping; some are enumerated by newer microcode only, and KVM clears those that the host kernel does not believe.',
    signs: [microcode],
    remedy:
      'update microcode and kernel; where the silicon has the defect, take the claim away from the profile',
    source: `${INTEL_ENUMERATION}; Linux arch/x86/kvm/x86.c, kvm_get_arch_capabilities`,
  },
  {
    code: 'NestedParameterOff',
    codes: ['CapabilityMissing'],
    place: { name: 'nested' },
    text: 'Nested virtualization is a parameter of the KVM module.',
    signs: [
      ({ finding }) => (finding.name === 'nested' ? 'unknown' : 'contradicted'),
      ({ snapshot, finding, evidence }) =>
        parameterOff(snapshot.vendor === 'intel' ? 'kvm_intel.nested' : 'kvm_amd.nested')({
          snapshot,
          finding,
          evidence,
        }),
    ],
    remedy: 'load kvm_intel or kvm_amd with nested=1, or options.nested: false',
    source: 'Linux Documentation/admin-guide/kernel-parameters.txt, kvm-intel.nested and kvm-amd.nested',
  },
  {
    code: 'MsrFilterKernelTooOld',
    codes: ['CapabilityMissing'],
    place: { name: 'msrFilter' },
    text: 'KVM filters MSRs from kernel 5.10.',
    signs: [({ finding }) => (finding.name === 'msrFilter' ? 'unknown' : 'contradicted'), before('5.10')],
    remedy: 'a kernel from 5.10, or filter.mode: none',
    source: 'Linux Documentation/virt/kvm/api.rst, KVM_X86_SET_MSR_FILTER',
  },
  {
    code: 'SvmParameterOff',
    codes: ['CpuidBitsMissing'],
    place: { leaf: 0x8000_000a, register: 'edx' },
    vendor: 'amd',
    text: 'What nested guests get of SVM depends on parameters of kvm_amd.',
    signs: [
      parameterOff(
        'kvm_amd.npt',
        'kvm_amd.vgif',
        'kvm_amd.vls',
        'kvm_amd.vnmi',
        'kvm_amd.nrips',
        'kvm_amd.lbrv',
      ),
    ],
    remedy: 'the same module parameters on every host, or options.nested: false',
    source: 'Linux arch/x86/kvm/svm/svm.c, module parameters and svm_set_cpu_caps',
  },
  {
    code: 'MsrListGrowsWithKernel',
    codes: ['RequiredMsrMissing', 'FeatureMsrMissing'],
    text: "KVM's lists of MSRs grow from kernel to kernel, and some entries are there only with the feature that they belong to.",
    signs: [({ evidence: { kernel } }) => (kernel === undefined ? 'unknown' : `kernel ${kernel}`)],
    remedy:
      'the newer kernel on every host, or a baseline over the kernels of the pool, which requires what all of them list',
    source: 'Linux arch/x86/kvm/x86.c, msrs_to_save and kvm_init_msr_lists',
  },
  {
    code: 'HypervMsrNotListed',
    codes: ['RequiredMsrMissing'],
    text: 'KVM lists the Hyper-V MSRs only where its emulation of Hyper-V is built in.',
    signs: [
      ({ finding: { where } }) =>
        'msr' in where && Number(where.msr) >= 0x4000_0000 && Number(where.msr) <= 0x4000_01ff
          ? `MSR ${where.msr} is one of Hyper-V`
          : 'contradicted',
    ],
    remedy: 'options.hyperv: false',
    source: 'Linux arch/x86/kvm/x86.c, emulated_msrs under CONFIG_KVM_HYPERV',
  },
];
