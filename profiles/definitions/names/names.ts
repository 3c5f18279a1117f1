/**
 * Every CPUID and feature-MSR bit that QEMU or libvirt can name, with the kernel's name beside it.
 *
 * Source: QEMU target/i386/cpu.c of 10.1.3 (names of 7.2 compared with Debian's 1:7.2+dfsg-7+deb12u18 over QMP; names of
 * 11.1 from a published port of its tables), libvirt src/cpu_map of 9.10 and newer model files, Linux 6.1
 * arch/x86/include/asm/cpufeatures.h and vmxfeatures.h.
 */
import type { Register } from '../../model/registers.ts';
import { CPUID_BASIC_NAMES } from './cpuid-basic.ts';
import { CPUID_EXTENDED_NAMES } from './cpuid-extended.ts';
import { MSR_NAMES } from './msrs.ts';
import type { BitName, NamedPlace } from './types.ts';

/** Sorted by leaf, subleaf, register and bit, then the MSRs by index and bit. */
export const BIT_NAMES: readonly BitName[] = [...CPUID_BASIC_NAMES, ...CPUID_EXTENDED_NAMES, ...MSR_NAMES];

const key = (place: NamedPlace): string =>
  'msr' in place
    ? `${place.msr}[${place.bit}]`
    : `${place.leaf}.${place.subleaf}:${place.register}[${place.bit}]`;

const BY_PLACE: ReadonlyMap<string, BitName> = new Map(BIT_NAMES.map((row) => [key(row.place), row]));

const spellings = ({ qemu, libvirt, linux, linuxVmx }: BitName): string[] =>
  [...new Set([...qemu, libvirt, linux, linuxVmx])].filter((name) => name !== undefined);

function group(namesOf: (row: BitName) => readonly string[]): ReadonlyMap<string, readonly BitName[]> {
  const groups = new Map<string, BitName[]>();
  for (const row of BIT_NAMES)
    for (const name of namesOf(row)) groups.set(name, [...(groups.get(name) ?? []), row]);
  return groups;
}

const BY_QEMU = group(({ qemu }) => qemu);
const BY_LIBVIRT = group(({ libvirt }) => (libvirt === undefined ? [] : [libvirt]));
const BY_ANY = group(spellings);

/** What the bit of a CPUID register is called elsewhere; `undefined` where nobody has a name. */
export const cpuidBitName = (
  leaf: number,
  subleaf: number,
  register: Register,
  bit: number,
): BitName | undefined => BY_PLACE.get(key({ leaf, subleaf, register, bit }));

/** What the bit of a feature MSR is called elsewhere. */
export const msrBitName = (msr: number, bit: number): BitName | undefined => BY_PLACE.get(key({ msr, bit }));

/** The bits that a QEMU feature name or alias switches: one, two for a shared name, none when it is unknown. */
export const bitsOfQemuName = (name: string): readonly BitName[] => BY_QEMU.get(name) ?? [];

/** The bit of a libvirt feature name. */
export const bitsOfLibvirtName = (name: string): readonly BitName[] => BY_LIBVIRT.get(name) ?? [];

/** The bits that any of the programs calls so: QEMU and its aliases, libvirt, Linux. */
export const bitsCalled = (name: string): readonly BitName[] => BY_ANY.get(name) ?? [];
