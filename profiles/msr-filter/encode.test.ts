import { describe, expect, it } from 'vitest';
import type { CompiledFilter } from './compile.ts';
import { encodeFilter } from './encode.ts';

const filter: CompiledFilter = {
  mode: 'closed',
  flags: 1,
  ranges: [
    { flags: 1, base: 0x10, count: 9, bitmap: new Uint8Array(8) },
    { flags: 3, base: 0xc000_0080, count: 0x3000, bitmap: new Uint8Array(1536) },
  ],
  allowed: [],
};

describe('encodeFilter', () => {
  it('writes struct kvm_msr_filter byte for byte', () => {
    const bytes = encodeFilter(filter, [0x7f12_3456_789an, 0xffff_8000_0000_0008n]);
    const head = [
      ...[1, 0, 0, 0], // flags: default deny
      ...[0, 0, 0, 0], // padding
      ...[1, 0, 0, 0], // ranges[0].flags: read
      ...[9, 0, 0, 0], // nmsrs
      ...[0x10, 0, 0, 0], // base
      ...[0, 0, 0, 0], // padding
      ...[0x9a, 0x78, 0x56, 0x34, 0x12, 0x7f, 0, 0], // bitmap
      ...[3, 0, 0, 0], // ranges[1].flags: read and write
      ...[0x00, 0x30, 0, 0],
      ...[0x80, 0x00, 0x00, 0xc0],
      ...[0, 0, 0, 0],
      ...[0x08, 0, 0, 0, 0x00, 0x80, 0xff, 0xff],
    ];
    expect([...bytes]).toEqual([...head, ...Array<number>(392 - head.length).fill(0)]);
  });

  it('refuses a wrong number of addresses and more ranges than KVM takes', () => {
    expect(() => encodeFilter(filter, [1n])).toThrow(/1 bitmap addresses for 2 ranges/);
    const range = { flags: 3, base: 0, count: 1, bitmap: new Uint8Array(8) } as const;
    const many = { ...filter, ranges: Array.from({ length: 17 }, () => range) };
    expect(() =>
      encodeFilter(
        many,
        many.ranges.map(() => 0n),
      ),
    ).toThrow(/17 ranges/);
  });
});
