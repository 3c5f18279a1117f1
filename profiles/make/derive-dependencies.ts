/**
 * What goes with a feature when it goes: instructions that need its registers, state components, MSRs that describe it.
 * Rows name fields of the definition tables; a name that a vendor's tables lack counts for the other vendor.
 */
import type { Definitions } from '../definitions/types.ts';
import { and32, mask32, mask64, U64_MAX } from '../model/numbers.ts';
import { ownersOf } from '../verdict/owners.ts';
import { meets, type Target, targetsNamed, wholeEntry } from './derive-targets.ts';

export interface Dependency {
  readonly feature: string;
  /** Guests can use none of these without the feature. */
  readonly dependents: readonly string[];
  readonly source: string;
}

const CPUID_DEPS = 'Linux arch/x86/kernel/cpu/cpuid-deps.c';
const XSAVE = 'Intel SDM vol. 1, 13.1 to 13.3; QEMU target/i386/cpu.c, x86_ext_save_areas';
const QEMU = 'QEMU target/i386/cpu.c, feature_dependencies';
const AVX = 'Intel SDM vol. 1, 14.3 to 14.7';

const row = (feature: string, dependents: string, source: string): Dependency => ({
  feature,
  dependents: dependents.split(' '),
  source,
});

export const DEPENDENCIES: readonly Dependency[] = [
  row('fpu', 'fxsr e_fpu', CPUID_DEPS),
  row('fxsr', 'e_fxsr fxsr_opt cmov mmx sse xsave', CPUID_DEPS),
  row('cmov', 'e_cmov', 'AMD APM vol. 3, E.4.2: the bits of 1:EDX stand a second time in 80000001:EDX'),
  row('mmx', 'e_mmx mmxext 3dnow', CPUID_DEPS),
  row('3dnow', '3dnowext', 'AMD APM vol. 3, E.4.2'),
  row('sse', 'sse2 misalignsse', CPUID_DEPS),
  row('sse2', 'sse3 ssse3 sse4_1 sse4_2 sse4a pclmulqdq aes sha_ni gfni f16c', CPUID_DEPS),
  row('xsave', 'xsaveopt xsavec xgetbv1 xsaves xsaveerptr avx xcr0_x87 xcr0_sse', CPUID_DEPS),
  row('xgetbv1', 'xfd', CPUID_DEPS),
  row('xsaves', 'xfd', CPUID_DEPS),
  row('avx', 'xcr0_avx fma fma4 xop f16c avx2 avx512f vaes vpclmulqdq', CPUID_DEPS),
  row('avx', 'avx_vnni avx_ifma avx_vnni_int8 avx_vnni_int16 avx_ne_convert sha512 sm3 sm4', QEMU),
  row('xcr0_avx', 'avx', XSAVE),
  row('xcr0_sse', 'xcr0_avx', 'Intel SDM vol. 1, 13.3: XCR0[2] needs XCR0[1]'),
  row('avx512f', 'xcr0_avx512_opmask xcr0_avx512_zmm_hi256 xcr0_avx512_hi16_zmm', XSAVE),
  row(
    'avx512f',
    'avx512dq avx512ifma avx512pf avx512er avx512cd avx512bw avx512vl avx512vbmi avx512_vpopcntdq avx512_4vnniw avx512_4fmaps',
    CPUID_DEPS,
  ),
  row('avx512f', 'avx10', QEMU),
  row('avx10', 'avx_10_version avx_10_lengths converged_vector_isa_max_sub_leaves', QEMU),
  row('avx512vl', 'avx512_vbmi2 avx512_vnni avx512_bitalg avx512_vp2intersect avx512_bf16', CPUID_DEPS),
  row('avx512bw', 'avx512_fp16 avx512_bmm', CPUID_DEPS),
  row('xcr0_avx512_opmask', 'avx512f', AVX),
  row('xcr0_avx512_zmm_hi256', 'avx512f', AVX),
  row('xcr0_avx512_hi16_zmm', 'avx512f', AVX),
  row('xfd', 'amx_tile', CPUID_DEPS),
  row(
    'amx_tile',
    'amx_bf16 amx_int8 amx_fp16 amx_complex amx_fp8 amx_transpose amx_tf32 amx_avx512 amx_movrs',
    XSAVE,
  ),
  row('amx_tile', 'xcr0_tileconfig xcr0_tiledata xfd amx_max_palette tmul_info_max', XSAVE),
  row('xcr0_tileconfig', 'amx_tile', XSAVE),
  row('xcr0_tiledata', 'amx_tile', XSAVE),
  row(
    'lm',
    'lahf_lm la57 lam',
    'Intel SDM vol. 2A, CPUID; AMD APM vol. 3, E.4.2: they exist in 64-bit mode only',
  ),
  row('arch_capabilities', 'IA32_ARCH_CAPABILITIES', QEMU),
  row(
    'IA32_ARCH_CAPABILITIES',
    'arch_capabilities',
    'Intel SDM vol. 4, table 2-2: 7.0:EDX[29] announces the MSR',
  ),
  row(
    'spec_ctrl',
    'ipred_ctrl rrsba_ctrl ddp_ctrl bhi_ctrl intel_psfd',
    'Intel SDM vol. 2A, CPUID 7.2: bits of IA32_SPEC_CTRL',
  ),
  row('eraps', 'rap_size', 'AMD APM vol. 3, E.4.17'),
  row('svm', 'svm_version svm_nasid npt lbrv nrip_save tsc_scale vmcb_clean flushbyasid', QEMU),
  row('svm', 'pausefilter pfthreshold v_vmsave_vmload vgif vnmi svme_addr_chk', QEMU),
  row(
    'kvm_feature_async_pf',
    'kvm_feature_async_pf_vmexit kvm_feature_async_pf_int',
    'Linux Documentation/virt/kvm/x86/cpuid.rst',
  ),
];

/** A VMX control (a bit of an MSR's may-be-1 half) without which another MSR has nothing to say. Intel SDM vol. 3D, A.3.3, A.10, A.11. */
const VMX_GATES = [
  { gates: [[0x48e, 63]], msr: 0x48b },
  {
    gates: [
      [0x48b, 33],
      [0x48b, 37],
    ],
    msr: 0x48c,
  },
  { gates: [[0x48b, 45]], msr: 0x491 },
  { gates: [[0x48e, 49]], msr: 0x492 },
  { gates: [[0x48f, 63]], msr: 0x493 },
] as const;

/** A target and, for what follows another feature, that feature's name. */
export interface Taken {
  readonly target: Target;
  readonly because?: string;
}

/** `targets` and everything that goes with them. `offered` says whether a bit is there to be lost. */
export function withDependents(
  targets: readonly Target[],
  definitions: Definitions,
  offered: (target: Target) => boolean,
): Taken[] {
  const taken: Taken[] = targets.map((target) => ({ target }));
  // Grows while it is walked: dependents of dependents.
  for (let i = 0; i < taken.length; i += 1) {
    const target = taken[i]?.target;
    if (target === undefined) break;
    for (const dependent of dependentsOf(target, definitions, taken, offered)) {
      if (!taken.some((each) => covers(each.target, dependent)))
        taken.push({ target: dependent, because: target.name });
    }
  }
  return taken;
}

function dependentsOf(
  target: Target,
  definitions: Definitions,
  taken: readonly Taken[],
  offered: (target: Target) => boolean,
): Target[] {
  const byName = DEPENDENCIES.filter(({ feature }) => same(target, named(feature, definitions)))
    .flatMap(({ dependents }) => dependents)
    .flatMap((name) => named(name, definitions));
  return [...byName, ...components(target), ...gated(target, definitions, taken, offered)];
}

const same = (target: Target, feature: readonly Target[]): boolean =>
  feature.some((each) => each.kind === target.kind && meets(each, target));

/** The field called `name`, or nothing in the tables of the other vendor. */
function named(name: string, definitions: Definitions): Target[] {
  const key = `${definitions.vendor}:${name}`;
  const known = found.get(key);
  if (known !== undefined) return known;
  const exists =
    definitions.cpuid.some(({ fields }) => fields.some((field) => field.name === name)) ||
    definitions.featureMsrs.some((msr) => msr.name === name);
  const targets = exists ? targetsNamed(name, definitions) : [];
  found.set(key, targets);
  return targets;
}
const found = new Map<string, Target[]>();

/** Components 20 and later may belong to XCR0 or to IA32_XSS; their sizes stay. */
const LAST_OWNED_COMPONENT = 19;

/** The subleaf of 0xd that describes a state component goes with the bit of XCR0 or IA32_XSS that owns it. */
function components(target: Target): Target[] {
  if (target.kind !== 'cpuid' || target.leaf !== 0xd) return [];
  const { firstSubleaf, register, bits } = target;
  return Array.from({ length: LAST_OWNED_COMPONENT - 1 }, (_, i) => i + 2)
    .filter((component) =>
      ownersOf(0xd, component)?.some(
        (owner) =>
          owner.subleaf === firstSubleaf &&
          owner.register === register &&
          and32(bits, mask32(owner.bit, owner.bit)) !== 0,
      ),
    )
    .flatMap((component) => wholeEntry(0xd, component, `XSAVE component ${component}`));
}

/** A VMX MSR whose last open gate closes. */
function gated(
  target: Target,
  definitions: Definitions,
  taken: readonly Taken[],
  offered: (target: Target) => boolean,
): Target[] {
  if (target.kind !== 'msr') return [];
  const control = (index: number, bit: number): Target => ({
    kind: 'msr',
    index,
    bits: mask64(bit, bit),
    name: '',
    relation: 'subset',
  });
  const gone = (gate: Target): boolean => !offered(gate) || taken.some((each) => covers(each.target, gate));
  return VMX_GATES.flatMap(({ gates, msr }): Target[] => {
    const controls = gates.map(([index, bit]) => control(index, bit));
    if (!controls.some((gate) => meets(gate, target)) || !controls.every(gone)) return [];
    const name = definitions.featureMsrs.find(({ index }) => index === msr)?.name ?? '';
    // The may-be-1 half, or all of an MSR without halves: what must be 1 is no promise.
    const halves = msr === 0x48b;
    return [
      { kind: 'msr', index: msr, bits: halves ? U64_MAX ^ 0xffff_ffffn : U64_MAX, name, relation: 'subset' },
    ];
  });
}

/** Whether taking `left` takes all of `right`. */
function covers(left: Target, right: Target): boolean {
  if (left.kind === 'cpuid' && right.kind === 'cpuid') {
    return (
      left.leaf === right.leaf &&
      left.register === right.register &&
      left.firstSubleaf <= right.firstSubleaf &&
      right.lastSubleaf <= left.lastSubleaf &&
      (right.bits & ~left.bits) === 0
    );
  }
  if (left.kind === 'cpuid' || right.kind === 'cpuid' || left.index !== right.index) return false;
  if (left.kind === 'whole-msr') return true;
  return right.kind === 'msr' && (right.bits & ~left.bits) === 0n;
}
