/** How the names are written down: one bit a row. The builders turn rows into the form that programs read. */
import type { Register } from '../../model/registers.ts';
import type { BitName, NamedPlace, QemuVersion } from './types.ts';

interface Extras {
  /** QEMU's version, where 7.2 does not know the name. */
  readonly since?: QemuVersion;
  /** libvirt 9.10 does not know the name. */
  readonly newerLibvirt?: true;
  /** Derived flags, separated by spaces. */
  readonly kernel?: string;
  readonly vmx?: string;
  readonly unmigratable?: 'qemu' | 'libvirt';
  readonly noAutoenable?: true;
  /** All of these, separated by spaces; `a|b`: one of them is enough. */
  readonly needs?: string;
  readonly xsave?: readonly number[];
  readonly owner?: true;
}

/** '' where a program has no name. */
export type NameRow = readonly [bit: number, qemu: string, libvirt: string, linux: string, extras?: Extras];

const words = (text = ''): string[] => text.split(' ').filter((word) => word !== '');

function bitName(place: NamedPlace, [, qemu, libvirt, linux, extras = {}]: NameRow): BitName {
  return {
    place,
    qemu: words(qemu),
    ...(qemu !== '' && { qemuSince: extras.since ?? '7.2' }),
    ...(libvirt !== '' && { libvirt }),
    ...(extras.newerLibvirt === true && { libvirtNewer: true }),
    ...(linux !== '' && { linux }),
    linuxDerived: words(extras.kernel),
    ...(extras.vmx !== undefined && { linuxVmx: extras.vmx }),
    ...(extras.unmigratable !== undefined && { unmigratable: extras.unmigratable }),
    noAutoenable: extras.noAutoenable === true,
    needs: words(extras.needs).map((alternatives) => alternatives.split('|')),
    xsave: extras.xsave ?? [],
    ownsXsave: extras.owner === true,
    presentWhen: 'msr' in place && isVmxControls(place.msr) && place.bit < 32 ? 0 : 1,
  };
}

/** The names in one CPUID register. */
export const cpuidNames = (
  leaf: number,
  subleaf: number,
  register: Register,
  rows: readonly NameRow[],
): BitName[] => rows.map((row) => bitName({ leaf, subleaf, register, bit: row[0] }, row));

/** The names in one feature MSR. */
export const msrNames = (msr: number, rows: readonly NameRow[]): BitName[] =>
  rows.map((row) => bitName({ msr, bit: row[0] }, row));

/**
 * MSRs that hold each VMX control twice: bit n set, it must be 1; bit 32 + n set, it may be 1 (SDM vol. 3, appendix A.3).
 * QEMU and libvirt number their features by n.
 */
export const isVmxControls = (msr: number): boolean => [0x48b, 0x48d, 0x48e, 0x48f, 0x490].includes(msr);
