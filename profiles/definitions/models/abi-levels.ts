/** The micro-architecture levels of the x86-64 psABI (section "Micro-Architecture Levels"), in QEMU's names. */
import { levelRows } from './rows.ts';
import type { AbiLevel } from './types.ts';

export const ABI_LEVELS: readonly AbiLevel[] = levelRows([
  {
    id: 'x86-64',
    names: 'cmov cx8 fpu fxsr lm mmx sse sse2 syscall',
    xcr0: 0x0,
    cpuid: '0x1.0:edx=0x7808101 0x80000001.0:edx=0x20000800',
  },
  {
    id: 'x86-64-v2',
    names: 'cmov cx16 cx8 fpu fxsr lahf-lm lm mmx pni popcnt sse sse2 sse4.1 sse4.2 ssse3 syscall',
    xcr0: 0x0,
    cpuid: '0x1.0:ecx=0x982201 0x1.0:edx=0x7808101 0x80000001.0:ecx=0x1 0x80000001.0:edx=0x20000800',
  },
  {
    id: 'x86-64-v3',
    names:
      'abm avx avx2 bmi1 bmi2 cmov cx16 cx8 f16c fma fpu fxsr lahf-lm lm mmx movbe pni popcnt sse sse2 sse4.1 sse4.2 ssse3 syscall xsave',
    xcr0: 0x7,
    cpuid:
      '0x1.0:ecx=0x34d83201 0x1.0:edx=0x7808101 0x7.0:ebx=0x128 0x80000001.0:ecx=0x21 0x80000001.0:edx=0x20000800',
  },
  {
    id: 'x86-64-v4',
    names:
      'abm avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl bmi1 bmi2 cmov cx16 cx8 f16c fma fpu fxsr lahf-lm lm mmx movbe pni popcnt sse sse2 sse4.1 sse4.2 ssse3 syscall xsave',
    xcr0: 0xe7,
    cpuid:
      '0x1.0:ecx=0x34d83201 0x1.0:edx=0x7808101 0x7.0:ebx=0xd0030128 0x80000001.0:ecx=0x21 0x80000001.0:edx=0x20000800',
  },
]);
