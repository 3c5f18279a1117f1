/** CpuSnapshot: what KVM offers on one kind of host. Written once; identical nodes share it. */
import * as z from 'zod';
import { hex32, hex64, vendor } from './fields.ts';

export const MAX_SNAPSHOT_CPUID = 2048;
export const MAX_SNAPSHOT_MSRS = 4096;

export const cpuSnapshotSpec = z
  .strictObject({
    vendor: vendor(),
    source: z
      .enum(['kvm', 'guest', 'raw'])
      .describe('kvm: the ioctls; guest: seen inside a guest; raw: the CPUID instruction'),
    partial: z.boolean().describe('true: an absent leaf or MSR says nothing'),
    cpuid: z
      .array(
        z.strictObject({ leaf: hex32(), subleaf: hex32(), eax: hex32(), ebx: hex32(), ecx: hex32(), edx: hex32() }),
      )
      .max(MAX_SNAPSHOT_CPUID),
    featureMsrs: z
      .array(z.strictObject({ index: hex32(), value: hex64() }))
      .max(MAX_SNAPSHOT_MSRS)
      .describe('Absent: not observed')
      .optional(),
    msrIndices: z.array(hex32()).max(MAX_SNAPSHOT_MSRS).describe('Absent: not observed').optional(),
    capabilities: z.strictObject({ msrFilter: z.boolean(), userSpaceMsr: z.boolean(), nested: z.boolean() }),
  })
  .meta({
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'a snapshot is immutable: its name is the digest of its content' },
    ],
  });

export const cpuSnapshot = z.strictObject({ spec: cpuSnapshotSpec });
export type CpuSnapshotSpec = z.infer<typeof cpuSnapshotSpec>;
