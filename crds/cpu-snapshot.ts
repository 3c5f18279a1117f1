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
        z.strictObject({
          leaf: hex32(),
          subleaf: hex32(),
          eax: hex32(),
          ebx: hex32(),
          ecx: hex32(),
          edx: hex32(),
        }),
      )
      .max(MAX_SNAPSHOT_CPUID)
      .describe('Registers per leaf and subleaf; ids of single CPUs are 0'),
    featureMsrs: z
      .array(z.strictObject({ index: hex32(), value: hex64() }))
      .max(MAX_SNAPSHOT_MSRS)
      .describe('Absent: not observed')
      .optional(),
    msrIndices: z.array(hex32()).max(MAX_SNAPSHOT_MSRS).describe('Absent: not observed').optional(),
    capabilities: z
      .strictObject({
        msrFilter: z.boolean().describe('KVM_CAP_X86_MSR_FILTER'),
        userSpaceMsr: z.boolean().describe('KVM_CAP_X86_USER_SPACE_MSR'),
        nested: z.boolean().describe('KVM_CAP_NESTED_STATE'),
      })
      .describe('What this KVM can do'),
  })
  .describe('What was observed; the name of the object is <vendor>-<first 16 digits of its digest>')
  .meta({
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'a snapshot is immutable: its name is the digest of its content' },
    ],
  });

export const cpuSnapshot = z
  .strictObject({ spec: cpuSnapshotSpec })
  .describe('What KVM offers a guest on one kind of host; identical nodes share one');
export type CpuSnapshotSpec = z.infer<typeof cpuSnapshotSpec>;
