import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { VENDORS } from '../../model/registers.ts';
import { definitionsFor } from '../definitions.ts';
import { fieldAt, findCpuid, findFeatureMsr } from '../lookup.ts';
import {
  BIT_NAMES,
  bitsCalled,
  bitsOfLibvirtName,
  bitsOfQemuName,
  cpuidBitName,
  msrBitName,
} from './names.ts';
import type { BitName, NamedPlace } from './types.ts';

const placeText = (place: NamedPlace): string =>
  'msr' in place
    ? `0x${place.msr.toString(16)}[${place.bit}]`
    : `0x${place.leaf.toString(16)}.${place.subleaf}:${place.register}[${place.bit}]`;
const order = (place: NamedPlace): number[] =>
  'msr' in place
    ? [1, place.msr, 0, 0, place.bit]
    : [0, place.leaf, place.subleaf, ['eax', 'ebx', 'ecx', 'edx'].indexOf(place.register), place.bit];

describe('the names', () => {
  it('stand once for a bit, in order, and somebody has each', () => {
    const places = BIT_NAMES.map(({ place }) => order(place));
    const sorted = [...places].sort((left, right) => {
      const at = left.findIndex((word, i) => word !== right[i]);
      return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
    });
    expect(places).toEqual(sorted);
    expect(new Set(BIT_NAMES.map(({ place }) => placeText(place))).size).toBe(BIT_NAMES.length);
    for (const { place, qemu, libvirt, qemuSince } of BIT_NAMES) {
      expect(qemu.length > 0 || libvirt !== undefined, placeText(place)).toBe(true);
      expect(qemuSince !== undefined, placeText(place)).toBe(qemu.length > 0);
      for (const name of [...qemu, libvirt ?? 'x']) expect(name).toMatch(/^[0-9a-z][0-9a-z._-]*$/);
    }
  });

  it('are unambiguous in QEMU and libvirt, but for the two names that switch two bits', () => {
    const shared = BIT_NAMES.flatMap(({ qemu }) => qemu).filter((name) => bitsOfQemuName(name).length > 1);
    expect([...new Set(shared)]).toEqual(['kvmclock', 'vmx-invept-single-context']);
    for (const { libvirt } of BIT_NAMES)
      if (libvirt !== undefined) expect(bitsOfLibvirtName(libvirt), libvirt).toHaveLength(1);
  });

  it('need only features that have a name', () => {
    for (const { needs, place } of BIT_NAMES)
      for (const name of needs.flat())
        expect(bitsOfQemuName(name), `${placeText(place)} ${name}`).toHaveLength(1);
  });

  it('give each state component one owner at most', () => {
    const owned = BIT_NAMES.filter(({ ownsXsave }) => ownsXsave).flatMap(({ xsave }) => xsave);
    // 11 and 12 (CET) are switched by shadow stacks.
    expect(owned.sort((left, right) => left - right)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 15, 17, 18, 19,
    ]);
  });

  it('read the low half of a VMX control the other way round', () => {
    const low = BIT_NAMES.filter(({ presentWhen }) => presentWhen === 0);
    expect(low.map(({ place, qemu }) => [placeText(place), ...qemu])).toEqual([
      ['0x48e[15]', 'vmx-cr3-load-noexit'],
      ['0x48e[16]', 'vmx-cr3-store-noexit'],
      ['0x48f[2]', 'vmx-exit-nosave-debugctl'],
      ['0x490[2]', 'vmx-entry-noload-debugctl'],
    ]);
  });

  it('are found by place and by any spelling', () => {
    expect(cpuidBitName(0x7, 0, 'ebx', 16)?.qemu).toEqual(['avx512f']);
    expect(cpuidBitName(0x7, 1, 'ebx', 16)).toBeUndefined();
    expect(msrBitName(0x10a, 19)).toBeUndefined();
    expect(msrBitName(0x10a, 0)?.libvirt).toBe('rdctl-no');
    const wanted = { leaf: 0x1, subleaf: 0, register: 'ecx', bit: 19 };
    for (const name of ['sse4.1', 'sse4-1', 'sse4_1'])
      expect(bitsCalled(name).map(({ place }) => place)).toEqual([wanted]);
    expect(bitsCalled('ept').map(({ qemu }) => qemu)).toEqual([['vmx-ept']]);
    expect(bitsCalled('no such thing')).toEqual([]);
  });

  it('belong to fields of a table, but for what another vendor or nobody has', () => {
    const covered = ({ place }: BitName): boolean =>
      VENDORS.some((vendor) => {
        const definitions = definitionsFor(vendor);
        const row =
          'msr' in place
            ? findFeatureMsr(definitions, place.msr)
            : findCpuid(definitions, place.leaf, place.subleaf, place.register);
        return fieldAt(row?.fields ?? [], place.bit) !== undefined;
      });
    const outside = BIT_NAMES.filter((row) => !covered(row)).map(({ place }) => placeText(place));
    // Centaur's leaf: no profile is for that vendor. 0xcf is forbidden as a whole.
    expect(outside.filter((place) => !place.startsWith('0xc0000001.0:edx'))).toEqual(['0xcf[5]']);
  });
});

const FACTS = join(import.meta.dirname, '../../../../shared/facts/feature-names.json');
const text = z.string().nullable();
const facts = z.object({
  features: z.array(
    z.object({
      leaf: z.string().optional(),
      subleaf: z.number().optional(),
      register: z.string().optional(),
      msr: z.string().optional(),
      bit: z.number(),
      present_when: z.number().default(1),
      qemu: z.array(z.string()),
      qemu_since: z.string().optional(),
      libvirt: text,
      libvirt_since: z.string().optional(),
      linux: text,
      linux_vmx: z.string().optional(),
      linux_synthetic: z.array(z.string()).default([]),
      unmigratable: z.boolean(),
      libvirt_unmigratable: z.boolean().default(false),
      no_autoenable: z.boolean(),
      needs: z.array(z.array(z.string())),
      xsave: z.array(z.number()),
      xsave_owner: z.array(z.number()).optional(),
    }),
  ),
});

describe.skipIf(!existsSync(FACTS))('against the published figures', () => {
  it('says the same of every bit', () => {
    const { features } = facts.parse(JSON.parse(readFileSync(FACTS, 'utf8')));
    const ours = BIT_NAMES.map((row) => ({
      place: placeText(row.place),
      when: row.presentWhen,
      qemu: row.qemu,
      since: row.qemuSince,
      libvirt: row.libvirt ?? null,
      newer: row.libvirtNewer === true,
      linux: row.linux ?? null,
      vmx: row.linuxVmx,
      derived: row.linuxDerived,
      unmigratable: row.unmigratable === 'qemu',
      libvirtUnmigratable: row.unmigratable !== undefined,
      noAutoenable: row.noAutoenable,
      needs: row.needs,
      xsave: row.xsave,
      owner: row.ownsXsave,
    }));
    const published = features.map((row) => ({
      place:
        row.msr === undefined
          ? `${String(row.leaf)}.${String(row.subleaf)}:${String(row.register).toLowerCase()}[${row.bit}]`
          : `${row.msr}[${row.bit}]`,
      when: row.present_when,
      qemu: row.qemu,
      since: row.qemu_since,
      libvirt: row.libvirt,
      newer: row.libvirt_since !== undefined,
      linux: row.linux,
      vmx: row.linux_vmx,
      derived: row.linux_synthetic,
      unmigratable: row.unmigratable,
      libvirtUnmigratable: row.libvirt_unmigratable || row.unmigratable,
      noAutoenable: row.no_autoenable,
      needs: row.needs,
      xsave: row.xsave,
      owner: row.xsave_owner !== undefined,
    }));
    const byPlace = <T extends { place: string }>(rows: readonly T[]) =>
      [...rows].sort((a, b) => (a.place < b.place ? -1 : 1));
    expect(byPlace(ours)).toEqual(byPlace(published));
  });
});
