/**
 * What a guest of QEMU sees, register by register: the named features, and what QEMU writes itself.
 * Source: QEMU target/i386/cpu.c (cpu_x86_cpuid, x86_cpu_enable_xsave_components) and target/i386/kvm/kvm.c
 * (kvm_msr_entry_add_vmx), 7.2 and 10.1.
 */
import { type FeatureSet, namedRegisters } from '../definitions/models/feature-set.ts';
import { HOST_BITS } from '../definitions/models/rows.ts';
import { bitsOfQemuName } from '../definitions/names/names.ts';
import { isVmxControls } from '../definitions/names/rows.ts';
import { and32, mask32, not32, or32, U32_MAX } from '../model/numbers.ts';
import {
  type CpuidPlace,
  REGISTERS,
  VENDOR_STRINGS,
  type Register,
  type Vendor,
} from '../model/registers.ts';

/** What is settled beside the features: by a property of the CPU, or by its model. */
export interface GuestIdentity {
  readonly vendor: Vendor;
  readonly level: number;
  readonly xlevel: number;
  /** Leaf 1 EAX. */
  readonly signature: number;
  readonly brand: string;
  /** `host`: as many physical address bits as the host has. `default`: as many as QEMU likes. */
  readonly physicalBits: number | 'host' | 'default';
  /** 7.0 EAX; undefined: the highest subleaf with a feature in it. */
  readonly lastSubleafOf7?: number;
  /** MSR 0x8b; undefined: QEMU's own. */
  readonly microcode?: bigint;
  readonly avx10Version: number;
}

/** `open` bits follow from the host or from the shape of the VM; `value` has 0 there. */
export interface GuestWord<T> {
  readonly value: T;
  readonly open: T;
  /** A size or offset that is alike on every processor with the component, and so in every profile that has it. */
  readonly ofHardware?: true;
}

const closed = (value: number): GuestWord<number> => ({ value: value >>> 0, open: 0 });
const OPEN: GuestWord<number> = { value: 0, open: U32_MAX };

/** Whole leaves that are QEMU's: caches, topology, KVM's timing leaf. */
const OPEN_LEAVES: ReadonlySet<number> = new Set([
  0x2, 0x4, 0xb, 0x1f, 0x4000_0010, 0x8000_0005, 0x8000_0006, 0x8000_001d, 0x8000_001e,
]);

/** Bits beside the named ones. */
const OPEN_BITS: readonly (readonly [
  leaf: number,
  subleaf: number,
  Register,
  first: number,
  last: number,
])[] = [
  [0x1, 0, 'ebx', 16, 31], // threads, APIC id
  [0x1, 0, 'ecx', 27, 27], // OSXSAVE
  [0x1, 0, 'edx', 28, 28], // HTT
  [0x7, 0, 'ecx', 4, 4], // OSPKE
  [0x4000_0000, 0, 'eax', 0, 31], // the last of KVM's leaves
  [0x8000_0001, 0, 'ecx', 1, 1], // CmpLegacy
  [0x8000_0008, 0, 'eax', 16, 23],
  [0x8000_0008, 0, 'ecx', 0, 31],
  [0x8000_0021, 0, 'ebx', 16, 23], // RAP size
];

const key = (leaf: number, subleaf: number, register: Register): string => `${leaf}.${subleaf}.${register}`;

export class QemuGuest {
  readonly #features: FeatureSet;
  readonly #identity: GuestIdentity;
  readonly #words = new Map<string, CpuidPlace & GuestWord<number>>();
  /** Places that are not 0 on every host; leaves that are wholly open are not among them. */
  readonly places: readonly CpuidPlace[];

  constructor(features: FeatureSet, identity: GuestIdentity) {
    this.#features = features;
    this.#identity = identity;
    for (const { place } of NAMED.cpuid) {
      const { leaf, subleaf, register } = place;
      this.#write(leaf, subleaf, register, features.register(place));
    }
    this.#writeIdentity();
    this.#writeSizes();
    this.#writeState();
    for (const [leaf, subleaf, register, first, last] of OPEN_BITS) {
      const bits = mask32(first, last);
      const { value, open } = this.cpuid(leaf, subleaf, register);
      this.#set(leaf, subleaf, register, { value: and32(value, not32(bits)), open: or32(open, bits) });
    }
    this.places = [...this.#words.values()].filter(({ value, open }) => value !== 0 || open !== 0);
  }

  /** One register; what nobody writes is 0. */
  cpuid(leaf: number, subleaf: number, register: Register): GuestWord<number> {
    if (OPEN_LEAVES.has(leaf)) return OPEN;
    return this.#words.get(key(leaf, subleaf, register)) ?? closed(0);
  }

  /** A feature MSR that QEMU writes before the guest starts; `undefined` for one it leaves as KVM has it. */
  msr(index: number): GuestWord<bigint> | undefined {
    const value = this.#features.msr(index);
    switch (index) {
      case 0x8b:
        return { value: this.#identity.microcode ?? OWN_MICROCODE[this.#identity.vendor], open: 0n };
      case 0x10a:
        return this.#has('arch-capabilities') ? { value, open: 0n } : undefined;
      case 0xcf:
        return this.#has('core-capability') ? { value, open: 0n } : undefined;
      case 0x345:
        return this.#has('pdcm') ? { value, open: 0n } : undefined;
      default:
        return this.#has('vmx') ? this.#vmx(index, value) : undefined;
    }
  }

  #has(name: string): boolean {
    return bitsOfQemuName(name).some((row) => this.#features.has(row));
  }

  #write(leaf: number, subleaf: number, register: Register, value: number): void {
    this.#set(leaf, subleaf, register, closed(value));
  }

  #set(leaf: number, subleaf: number, register: Register, word: GuestWord<number>): void {
    this.#words.set(key(leaf, subleaf, register), { leaf, subleaf, register, ...word });
  }

  #writeIdentity(): void {
    const { vendor, level, xlevel, signature, brand, physicalBits, avx10Version } = this.#identity;
    const [ebx, edx, ecx] = [0, 4, 8].map((at) => wordAt(VENDOR_STRINGS[vendor], at));
    for (const [leaf, last] of [
      [0x0, level],
      [0x8000_0000, xlevel],
    ] as const) {
      this.#write(leaf, 0, 'eax', last);
      this.#write(leaf, 0, 'ebx', ebx ?? 0);
      this.#write(leaf, 0, 'ecx', ecx ?? 0);
      this.#write(leaf, 0, 'edx', edx ?? 0);
    }
    this.#write(0x1, 0, 'eax', signature);
    this.#write(0x1, 0, 'ebx', 8 << 8); // CLFLUSH, 64 bytes
    this.#write(0x5, 0, 'ecx', 3); // interrupts end MWAIT, MONITOR offered or not
    this.#write(0x8000_0001, 0, 'eax', signature);
    for (const part of [0, 1, 2])
      for (const [i, register] of REGISTERS.entries())
        this.#write(0x8000_0002 + part, 0, register, wordAt(brand, 16 * part + 4 * i));
    for (const [i, register] of (['ebx', 'ecx', 'edx'] as const).entries())
      this.#write(0x4000_0000, 0, register, wordAt('KVMKVMKVM\0\0\0', 4 * i));
    const virtual = this.#has('la57') ? 57 : 48;
    const physical = typeof physicalBits === 'number' ? physicalBits : 0;
    this.#set(0x8000_0008, 0, 'eax', {
      value: (virtual << 8) | physical,
      open: typeof physicalBits === 'number' ? 0 : 0xff,
    });
    if (this.#has('svm')) {
      this.#write(0x8000_000a, 0, 'eax', 1); // revision
      this.#write(0x8000_000a, 0, 'ebx', 0x10); // address space ids
    }
    if (this.#has('avx10')) {
      const lengths = this.#features.register({ leaf: 0x24, subleaf: 0, register: 'ebx' });
      this.#write(0x24, 0, 'ebx', or32(lengths, avx10Version));
    }
  }

  #writeSizes(): void {
    const inSubleaf = (subleaf: number): boolean =>
      REGISTERS.some((register) => this.cpuid(0x7, subleaf, register).value !== 0);
    const last = this.#identity.lastSubleafOf7 ?? [2, 1].find(inSubleaf) ?? 0;
    this.#write(0x7, 0, 'eax', last);
    if (!this.#has('amx-tile')) return;
    this.#write(0x1d, 0, 'eax', 1);
    this.#write(0x1d, 1, 'eax', 0x0400_2000);
    this.#write(0x1d, 1, 'ebx', 0x0008_0040);
    this.#write(0x1d, 1, 'ecx', 0x10);
    this.#write(0x1e, 0, 'ebx', 0x4010);
  }

  /** Leaf 0xd. Offsets and sizes of components are the processor's, so they are as in any profile that has the component. */
  #writeState(): void {
    const components = this.#features.stateComponents();
    const supervisor = components & SUPERVISOR;
    const user = components & ~SUPERVISOR;
    this.#write(0xd, 0, 'eax', Number(user & 0xffff_ffffn));
    this.#write(0xd, 0, 'edx', Number(user >> 32n));
    this.#write(0xd, 1, 'ecx', Number(supervisor & 0xffff_ffffn));
    this.#write(0xd, 1, 'edx', Number(supervisor >> 32n));
    if (components === 0n) return;
    this.#set(0xd, 0, 'ebx', OPEN);
    this.#set(0xd, 1, 'ebx', OPEN);
    const size = { value: 0, open: 0, ofHardware: true } as const;
    this.#set(0xd, 0, 'ecx', size);
    for (let component = 2; component < 63; component += 1) {
      if (((components >> BigInt(component)) & 1n) === 0n) continue;
      for (const register of ['eax', 'ebx', 'ecx'] as const) this.#set(0xd, component, register, size);
    }
  }

  #vmx(index: number, value: bigint): GuestWord<bigint> | undefined {
    const host = HOST_BITS.get(index) ?? 0n;
    if (isVmxControls(index) || index === 0x480 || index === 0x485 || index === 0x48c || index === 0x491)
      return { value: value & ~host, open: host };
    switch (index) {
      case 0x486:
        return { value: 0x8000_0021n, open: 0n };
      case 0x488:
        return { value: 0x2000n, open: 0n };
      case 0x48a:
        return { value: this.#has('vmx-tsc-scaling') ? 0x32n : 0x2en, open: 0n };
      default:
        return undefined;
    }
  }
}

/** Four characters of `text` from `start` as a register; NULs after its end. */
const wordAt = (text: string, start: number): number =>
  [3, 2, 1, 0].reduce((word, i) => word * 256 + (text.charCodeAt(start + i) || 0), 0);

const NAMED = namedRegisters(({ qemu }) => qemu.length > 0);

/** What QEMU shows unless told otherwise (x86_cpu_realizefn). */
const OWN_MICROCODE: Readonly<Record<Vendor, bigint>> = { intel: 0x1_0000_0000n, amd: 0x0100_0065n };

/** CET user and supervisor state, PASID and what else IA32_XSS enables. Intel SDM vol. 1, 13.1. */
const SUPERVISOR = [8, 10, 11, 12, 13, 14, 15, 16].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
