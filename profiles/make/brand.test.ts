import { describe, expect, test } from 'vitest';
import { madeData } from '../../test/domain/made.ts';
import { brandAdjustments, brandIn, brandOf, withBrand } from './brand.ts';

describe('the brand string', () => {
  test('is the maker and the name of the profile', () => {
    expect(brandOf('intel', 'pool-a-v1')).toBe('Intel pool-a-v1');
    expect(brandOf('amd', 'pool-a-v1')).toBe('AMD pool-a-v1');
  });
  test('fills twelve registers, little-endian, zero padded', () => {
    const words = brandAdjustments('Intel Skylake').map(({ value }) => value);
    // As the published Skylake profile has them.
    expect(words).toEqual([0x6574_6e49, 0x6b53_206c, 0x6b61_6c79, 0x65, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
  test('leaves room for the NUL: 47 characters fit, 48 do not', () => {
    const longest = brandOf('intel', 'n'.repeat(41));
    expect(longest).toHaveLength(47);
    expect(brandIn(withBrand(madeData({}), longest))).toBe(longest);
    expect(() => brandAdjustments(`${longest}x`)).toThrow(
      /name: the brand string .* has 48 characters; 47 fit/,
    );
  });
  test('takes the place of what was there', () => {
    const data = withBrand(madeData({ cpuid: [[0x8000_0002, 0, 'eax', 0xdead]] }), 'AMD x');
    expect(data.cpuid).toHaveLength(12);
    expect(brandIn(data)).toBe('AMD x');
  });
  test('a profile that lists no brand, or passes it through, has none', () => {
    expect(brandIn(madeData({}))).toBeUndefined();
  });
  test('refuses what is not printable ASCII', () => {
    expect(() => brandAdjustments('Intel ü')).toThrow(/ASCII/);
  });
});
