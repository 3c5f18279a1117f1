/** What our own renderings say by name comes back by name: two programs' spellings of one profile. */
import { describe, expect, it, test } from 'vitest';
import { catalogProfile, rendered } from '../../test/fuzz/seeds.ts';
import { catalogNames } from '../catalog/catalog.ts';
import { BIT_NAMES } from '../definitions/names/names.ts';
import type { BitName } from '../definitions/names/types.ts';
import type { ProfileData } from '../model/profile.ts';
import { adjustmentAt } from '../verdict/bits.ts';
import { importFrom, type ImportSource } from './import-from.ts';

const published = catalogNames().filter((name) =>
  ['skylake', 'cascade-lake', 'sapphire-rapids'].includes(name),
);

/** The bit as the data fixes it; `undefined` where it is the host's. */
function fixedBit(data: ProfileData, { place }: BitName): number | undefined {
  if ('msr' in place) return undefined;
  const row = adjustmentAt(data, place.leaf, place.subleaf, place.register);
  if (row !== undefined && ((row.mask >>> place.bit) & 1) === 1) return undefined;
  return ((row?.value ?? 0) >>> place.bit) & 1;
}

describe.each([
  ['qemu', 'qemu.args'],
  ['libvirt', 'libvirt.xml'],
] as const satisfies readonly (readonly [ImportSource, string])[])('%s', (source, key) => {
  it('is tried with the published profiles', () => {
    expect(published).toHaveLength(3);
  });

  test.each(published)('%s comes back with every bit that the rendering names', (name) => {
    const profile = catalogProfile(name);
    const text = rendered(profile)[key] ?? '';
    const imported = importFrom(source, [{ name: key, text }]);
    if (imported.kind !== 'profile') throw new Error(imported.kind);
    expect(imported.vendor).toBe(profile.vendor);
    const differing = BIT_NAMES.filter((row) => {
      const [ours, theirs] = [fixedBit(profile.data, row), fixedBit(imported.data, row)];
      return ours !== undefined && ours !== theirs;
    });
    // Only what QEMU 7.2 has no name for, and the fidelity report tells, is lost.
    expect(differing.filter(({ qemuSince }) => qemuSince === '7.2').map(({ qemu }) => qemu[0])).toEqual([]);
    expect(differing.length).toBeLessThan(12);
  });
});
