import { expect, test } from 'vitest';
import { zeroPerCpuIds } from './per-cpu-ids.ts';

const ones = (leaf: number, subleaf = 0) => ({
  leaf,
  subleaf,
  eax: 0xffff_ffff,
  ebx: 0xffff_ffff,
  ecx: 0xffff_ffff,
  edx: 0xffff_ffff,
});

test.each([
  [0x1, { ebx: 0x00ff_ffff }],
  [0xb, { edx: 0 }],
  [0x1f, { edx: 0 }],
  [0x8000_0026, { edx: 0 }],
  [0x8000_001e, { eax: 0, ebx: 0xffff_ff00, ecx: 0xffff_ff00 }],
])('leaf %i loses the ids of its CPU and nothing else, in every subleaf', (leaf, changed) => {
  for (const subleaf of [0, 3]) {
    expect(zeroPerCpuIds(ones(leaf, subleaf))).toEqual({ ...ones(leaf, subleaf), ...changed });
  }
});

test.each([0x0, 0x4, 0x7, 0xd, 0x1a, 0x4000_0001, 0x8000_0008, 0x8000_001d])(
  'leaf %i stays as it is',
  (leaf) => {
    expect(zeroPerCpuIds(ones(leaf))).toEqual(ones(leaf));
  },
);
