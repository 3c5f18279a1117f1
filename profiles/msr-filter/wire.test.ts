import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { compileDepartures, compileFilter } from './compile.ts';
import { filterFromWire, filterToWire } from './wire.ts';

describe('base64', () => {
  // RFC 4648, section 10.
  it.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('"%s"', (text, encoded) => {
    const bytes = new TextEncoder().encode(text);
    expect(toBase64(bytes)).toBe(encoded);
    expect(fromBase64(encoded)).toEqual(bytes);
  });

  it('agrees with Node on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each(['Zg', 'Zg=', 'Z===', 'Zg==Zg==', 'Zm9 v', 'Zm9-'])('refuses "%s"', (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });
});

describe('kvm-msr-filter.json', () => {
  it('says a small filter in the words of the contract', () => {
    const filter = compileDepartures(
      'closed',
      new Map([
        [0x10, 3],
        [0x11, 3],
        [0x13, 3],
      ]),
    );
    expect(filterToWire(filter)).toEqual({
      mode: 'closed',
      flags: 1,
      // MSRs 0x10, 0x11 and 0x13 are bits 0, 1 and 3: 0b1011, then seven bytes of padding.
      ranges: [{ flags: 3, base: '0x10', count: 4, bitmap: 'CwAAAAAAAAA=' }],
      allowed: [
        { first: '0x10', last: '0x11', access: 'rw' },
        { first: '0x13', last: '0x13', access: 'rw' },
      ],
      notFilterable: [{ first: '0x800', last: '0x8ff', why: expect.stringContaining('x2APIC') as string }],
    });
  });

  it('comes back as it went, through JSON', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const filter = compileFilter(profile);
        expect(filterFromWire(JSON.parse(JSON.stringify(filterToWire(filter))))).toEqual(filter);
      }),
      { numRuns: 25 },
    );
  }, 30_000);

  const good = {
    mode: 'closed',
    flags: 1,
    ranges: [{ flags: 3, base: '0x10', count: 4, bitmap: 'CwAAAAAAAAA=' }],
    allowed: [],
  };
  const range = (change: object) => ({ ...good, ranges: [{ ...good.ranges[0], ...change }] });
  it.each([
    ['not an object', 7, /expected object/],
    ['an unknown mode', { ...good, mode: 'open' }, /^mode: /],
    ['default deny without a range', { ...good, ranges: [] }, /ranges: KVM refuses/],
    ['17 ranges', { ...good, ranges: Array(17).fill(good.ranges[0]) }, /^ranges: /],
    ['too long a range', range({ count: 12_289 }), /ranges\.0\.count/],
    ['no access', range({ flags: 0 }), /ranges\.0\.flags/],
    ['a range over x2APIC', range({ base: '0x7fd' }), /ranges\[0\]: the range covers x2APIC/],
    ['a range past the last MSR', range({ base: '0xfffffffe' }), /above MSR 0xffffffff/],
    ['a bitmap without padding', range({ bitmap: 'Cw==' }), /ranges\[0\]\.bitmap: 4 MSRs need 8 bytes/],
    ['a bitmap that is not base64', range({ bitmap: '%' }), /ranges\[0\]\.bitmap/],
    ['a base that is not a number', range({ base: '16' }), /ranges\[0\]\.base/],
  ])('refuses %s', (_, wire, message) => {
    expect(() => filterFromWire(wire)).toThrow(message);
  });
});
