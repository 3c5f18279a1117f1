/** CPU models that other programs have a name for, as bits. */
import type { CpuidPlace, Vendor } from '../../model/registers.ts';
import type { QemuVersion } from '../names/types.ts';

export interface ModelRegister extends CpuidPlace {
  readonly value: number;
}

export interface ModelMsr {
  readonly index: number;
  /** The whole register as a guest reads it. 0x480 and later exist for a guest only where VMX is switched on. */
  readonly value: bigint;
  /** Bits that QEMU takes from KVM instead. */
  readonly hostBits: bigint;
}

/** One version of a QEMU model. A version never changes once it is released. */
export interface CpuModel {
  /** What `-cpu` takes: `SapphireRapids-v2`. */
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly aliases: readonly string[];
  /** The lowest of the versions read that has it. */
  readonly since: QemuVersion;
  readonly note?: string;
  readonly vendor: Vendor;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** The largest basic leaf the definition asks for, and what QEMU makes of it once the features are counted in. */
  readonly level: number;
  readonly levelRaised: number;
  readonly xlevel: number;
  readonly xlevelRaised: number;
  readonly modelId: string;
  /** State components that follow from the features. */
  readonly xcr0: number;
  readonly xss: number;
  readonly avx10Version?: number;
  /** Feature bits only; for AMD with the copies of leaf 1 EDX in 0x80000001 EDX. */
  readonly cpuid: readonly ModelRegister[];
  readonly msrs: readonly ModelMsr[];
  /** libvirt's model of the same name and, in its own names, how its feature list differs from QEMU's. */
  readonly libvirt?: LibvirtModel;
}

export interface LibvirtModel {
  readonly name: string;
  readonly lacks: readonly string[];
  readonly has: readonly string[];
}

/** What a program compiled for a level of the psABI may use. */
export interface AbiLevel {
  readonly id: string;
  /** QEMU's feature names. */
  readonly names: readonly string[];
  readonly xcr0: number;
  readonly cpuid: readonly ModelRegister[];
}
