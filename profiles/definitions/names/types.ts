/** What other programs call a bit, and what they tie to it. */
import type { CpuidBit } from '../types.ts';

/** A bit of a feature MSR as KVM reports it, 0 to 63. */
export interface MsrBit {
  readonly msr: number;
  readonly bit: number;
}

export type NamedPlace = CpuidBit | MsrBit;

/** QEMU versions whose tables were read, oldest first. */
export const QEMU_VERSIONS = ['7.2', '10.1', '11.1'] as const;
export type QemuVersion = (typeof QEMU_VERSIONS)[number];

export interface BitName {
  readonly place: NamedPlace;
  /** QEMU's name, then its aliases; empty: QEMU has none. Two bits can share one name, which switches both. */
  readonly qemu: readonly string[];
  /** The lowest of the versions read that knows the name. */
  readonly qemuSince?: QemuVersion;
  readonly libvirt?: string;
  /** true: libvirt up to 9.10 does not know the name. */
  readonly libvirtNewer?: boolean;
  /** In the flags line of /proc/cpuinfo. */
  readonly linux?: string;
  /** Further flags that the kernel derives from the bit. */
  readonly linuxDerived: readonly string[];
  /** In the vmx flags line of /proc/cpuinfo. */
  readonly linuxVmx?: string;
  /** Who keeps the bit out of migratable guests: QEMU (and libvirt), or libvirt alone. */
  readonly unmigratable?: 'qemu' | 'libvirt';
  /** QEMU's `-cpu host` and `max` do not turn it on by themselves. */
  readonly noAutoenable: boolean;
  /** QEMU drops the bit unless, for every inner list, at least one of the features named in it is on. */
  readonly needs: readonly (readonly string[])[];
  /** State components (bit numbers of XCR0 or XSS) whose registers the feature uses. */
  readonly xsave: readonly number[];
  /** QEMU switches exactly these components by this feature. */
  readonly ownsXsave: boolean;
  /**
   * The value of the bit that means "there". 0 only in the low half of a VMX control MSR, where a set bit says that
   * the control must be 1: the feature is the freedom to leave it off.
   */
  readonly presentWhen: 0 | 1;
}
