/**
 * QEMU's named server models, every version, with the bits each shows by itself.
 *
 * Source: QEMU 10.1.3 target/i386/cpu.c; the versions that 7.2 knows compared with Debian's 1:7.2+dfsg-7+deb12u18 over
 * QMP; versions marked 11.1 after libvirt's src/cpu_map, which follows them. libvirt's own models: 9.10, src/cpu_map.
 */
import { AMD_MODELS } from './amd.ts';
import { INTEL_FROM_ICELAKE } from './intel-from-icelake.ts';
import { INTEL_TO_COOPERLAKE } from './intel-to-cooperlake.ts';
import type { CpuModel } from './types.ts';

/** Intel's, then AMD's; within a vendor by age, then by version. The two that any processor runs stand last of their vendor. */
export const CPU_MODELS: readonly CpuModel[] = [...INTEL_TO_COOPERLAKE, ...INTEL_FROM_ICELAKE, ...AMD_MODELS];

const BY_NAME: ReadonlyMap<string, CpuModel> = new Map(
  CPU_MODELS.flatMap((model) => [
    [model.id, model] as const,
    ...model.aliases.map((alias) => [alias, model] as const),
  ]),
);

/**
 * A model by its versioned name, an alias, or the bare name. A bare name means the first version, which is what QEMU 7.2
 * makes of it on pc and q35; say the version where it matters.
 */
export const cpuModel = (name: string): CpuModel | undefined =>
  BY_NAME.get(name) ?? BY_NAME.get(`${name}-v1`);
