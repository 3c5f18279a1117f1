/**
 * Debian's QEMU takes the string of `qemu.args`, and the CPU it makes has the bits that the profile means. On KVM with a
 * profile of this machine; under TCG, QEMU's own emulation, with the named models as far as TCG has their features.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { probe } from '../../node-agent/kvm/probe.ts';
import { catalogEntry } from '../../profiles/catalog/catalog.ts';
import { cpuidBitName } from '../../profiles/definitions/names/names.ts';
import { qemuGuest, renderQemu } from '../../profiles/formats/qemu.ts';
import { importQemu } from '../../profiles/import/qemu.ts';
import { generate } from '../../profiles/make/generate.ts';
import { and32, mask32, minus32, toHex } from '../../profiles/model/numbers.ts';
import { type Profile, profileDataFromWire } from '../../profiles/model/profile.ts';
import { REGISTERS } from '../../profiles/model/registers.ts';
import { adjustmentAt } from '../../profiles/verdict/bits.ts';
import { missing, program, usableKvm } from './programs.ts';
import { type FeatureWord, QemuRefused, type RunningCpu, withMachine } from './qemu-machine.ts';

const qemu = program('qemu-system-x86_64');
const title = qemu?.version.replace(/^QEMU emulator version /, '') ?? 'not installed';

const argsOf = (profile: Profile): string => (renderQemu(profile).files['qemu.args'] ?? '').trim();

/** Leaf 1 EDX bits that AMD shows again in 0x80000001 EDX: they have no name there. */
const AMD_COPIES = 0x0183_f3ff;
/** HTT follows from the topology: QEMU is not told. */
const isTold = (leaf: number, register: string, bit: number): boolean =>
  !(leaf === 0x1 && register === 'edx' && bit === 28);

interface Expected {
  /** Bits that have a name which QEMU 7.2 knows and that the profile fixes. */
  readonly fixed: number;
  readonly value: number;
  /** Bits that somebody could have switched on: all others are 0. */
  readonly possible: number;
}

/** What the profile, not the string, says about a register that QEMU has features for. */
function expected({ data, vendor }: Profile, { leaf, subleaf, register: name }: FeatureWord): Expected {
  const register = REGISTERS.find((candidate) => candidate === name) ?? 'eax';
  const entry = adjustmentAt(data, leaf, subleaf, register);
  let named = 0;
  for (let bit = 0; bit < 32; bit += 1) {
    const row = cpuidBitName(leaf, subleaf, register, bit);
    if (row?.qemuSince === '7.2' && isTold(leaf, register, bit)) named += 2 ** bit;
  }
  const copies = vendor === 'amd' && leaf === 0x8000_0001 && register === 'edx' ? AMD_COPIES : 0;
  const fixed = minus32(named, entry?.mask ?? 0);
  return { fixed, value: and32(entry?.value ?? 0, fixed), possible: (named | copies) >>> 0 };
}

/** Components of XCR0 and XSS are words of QEMU's as well, but no features with a name. */
const isState = ({ leaf, subleaf, register }: FeatureWord): boolean =>
  leaf === 0xd && (subleaf === 0 || register !== 'eax');

function expectBits(profile: Profile, words: readonly FeatureWord[]): void {
  expect(words.length).toBeGreaterThan(15);
  const features = words.filter((word) => !isState(word));
  const text = ({ leaf, subleaf, register }: FeatureWord): string => `${toHex(leaf)}.${subleaf}:${register}`;
  expect(
    Object.fromEntries(
      features.map((word) => [text(word), toHex(and32(word.features, expected(profile, word).fixed))]),
    ),
  ).toEqual(Object.fromEntries(features.map((word) => [text(word), toHex(expected(profile, word).value)])));
  for (const word of features)
    expect(toHex(minus32(word.features, expected(profile, word).possible)), text(word)).toBe('0x0');
}

/** Our idea of QEMU's guest, which findings rest on, against the real one: state components included. */
function expectPrediction(profile: Profile, words: readonly FeatureWord[]): void {
  const guest = qemuGuest(profile);
  const compared = words.map((word) => {
    const register = REGISTERS.find((candidate) => candidate === word.register) ?? 'eax';
    const { value, open } = guest.cpuid(word.leaf, word.subleaf, register);
    const place = `${toHex(word.leaf)}.${word.subleaf}:${register}`;
    return { place, predicted: toHex(value), real: toHex(minus32(word.features, open)) };
  });
  expect(compared.map(({ place, predicted }) => [place, predicted])).toEqual(
    compared.map(({ place, real }) => [place, real]),
  );
}

describe.skipIf(qemu === undefined || !usableKvm)(
  `QEMU ${title} on the KVM of this machine${missing('qemu-system-x86_64 or /dev/kvm', qemu !== undefined && usableKvm)}`,
  () => {
    const start = <T>(cpu: string, look: (running: RunningCpu) => Promise<T> | T): Promise<T> =>
      withMachine({ qemu: qemu?.path ?? '', accelerator: 'kvm', cpu }, look);
    let profile: Profile;

    beforeAll(async () => {
      const { snapshot } = await probe({ device: '/dev/kvm' });
      const { vendor, data } = generate('this-machine-v1', snapshot);
      profile = { vendor, data, filter: 'closed' };
    });

    it('takes a profile of this machine with enforce and runs a CPU with its bits', async () => {
      await start(argsOf(profile), ({ status, words }) => {
        expect(status).toBe('running');
        expectBits(profile, words);
      });
    }, 60_000);

    it('makes the registers that the fidelity report is computed from', async () => {
      await start(argsOf(profile), ({ words }) => {
        expectPrediction(profile, words);
      });
    }, 60_000);

    it('shows the identity that the string has', async () => {
      await start(argsOf(profile), async ({ property }) => {
        const signature = adjustmentAt(profile.data, 0x1, 0, 'eax')?.value ?? 0;
        const family = (signature >>> 8) & 0xf;
        expect(await property('family')).toBe(family === 0xf ? 0xf + ((signature >>> 20) & 0xff) : family);
        expect(await property('model')).toBe(((signature >>> 4) & 0xf) + ((signature >>> 12) & 0xf0));
        expect(await property('stepping')).toBe(signature & 0xf);
        expect(await property('model-id')).toBe(
          `${profile.vendor === 'intel' ? 'Intel' : 'AMD'} this-machine-v1`,
        );
        expect(await property('level')).toBe(adjustmentAt(profile.data, 0x0, 0, 'eax')?.value);
        expect(await property('xlevel')).toBe(adjustmentAt(profile.data, 0x8000_0000, 0, 'eax')?.value);
      });
    }, 60_000);

    it('refuses a profile of another host, and names the features', async () => {
      const entry = catalogEntry('sapphire-rapids');
      const { data } = profileDataFromWire(entry?.data ?? { cpuid: [] });
      // Whatever this machine is: no AMD host has AMX, and no KVM of Sapphire Rapids gives what one bit more asks for.
      const other: Profile = { vendor: 'intel', data, filter: 'none' };
      const asked = `${argsOf(other)},xop=on,svm=on`;
      const refusal = await start(asked, () => 'started').catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(QemuRefused);
      expect(String(refusal)).toContain("Host doesn't support requested features");
    }, 60_000);
  },
);

/** The profile of a named model, without what this QEMU cannot emulate and without what only KVM has. */
function modelProfile(id: string, offered: readonly FeatureWord[]): Profile {
  const imported = importQemu([{ name: id, text: id }]);
  if (imported.kind !== 'profile') throw new Error(`${id} is no profile`);
  const { vendor, data } = imported;
  const cpuid = data.cpuid.map((entry) => {
    const word = offered.find(
      ({ leaf, subleaf, register }) =>
        leaf === entry.leaf && subleaf === entry.subleaf && register === entry.register,
    );
    // TCG shows KVM's leaf to nobody, and has no TSC deadline.
    if (entry.leaf === 0x4000_0001) return { ...entry, mask: 0, value: 0 };
    return word === undefined ? entry : { ...entry, value: and32(entry.value, word.features) };
  });
  return { vendor, data: { ...data, cpuid }, filter: 'none' };
}

describe.skipIf(qemu === undefined)(
  `QEMU ${title} under TCG${missing('qemu-system-x86_64', qemu !== undefined)}`,
  () => {
    const start = <T>(cpu: string, look: (running: RunningCpu) => Promise<T> | T): Promise<T> =>
      withMachine({ qemu: qemu?.path ?? '', accelerator: 'tcg', cpu }, look);
    let offered: readonly FeatureWord[] = [];

    beforeAll(async () => {
      offered = await start('max', ({ words }) => words);
    }, 60_000);

    it.each([
      'qemu64-v1',
      'kvm64-v1',
      'Nehalem-v2',
      'Westmere-v1',
      'Haswell-v4',
      'Broadwell-v2',
      'Skylake-Server-v3',
      'Icelake-Server-v5',
      'EPYC-v2',
      'EPYC-Rome-v2',
      'EPYC-Milan-v1',
    ])(
      'runs %s, as far as it can emulate it, with the bits of the profile',
      async (id) => {
        const profile = modelProfile(id, offered);
        const bits = profile.data.cpuid.find(({ leaf, register }) => leaf === 0x1 && register === 'edx');
        expect(and32(bits?.value ?? 0, mask32(23, 26)), 'MMX, FXSR, SSE, SSE2').toBe(mask32(23, 26));
        await start(argsOf(profile), ({ status, words }) => {
          expect(status).toBe('running');
          expectBits(profile, words);
          expectPrediction(profile, words);
        });
      },
      60_000,
    );
  },
);
