/** NodeCpu: one per Node. The agent writes the status; the operator releases labels through the spec. */
import * as z from 'zod';
import { conditions, counter, shortText, time } from './fields.ts';
import { MAX_PROFILE_NAME } from './cpu-profile.ts';

export const nodeCpuSpec = z
  .strictObject({
    release: z
      .array(shortText(MAX_PROFILE_NAME))
      .max(512)
      .describe('Profiles whose labels the agent may now take away')
      .optional(),
  })
  .describe('Written by the operator');

export const provenance = z.strictObject({
  cpu: shortText(128),
  family: counter(),
  model: counter(),
  stepping: counter(),
  microcode: shortText(32).optional(),
  firmware: shortText(128).optional(),
  kernel: shortText(128),
  modules: z
    .record(z.string().max(64), z.string().max(64))
    .meta({ maxProperties: 32 })
    .describe('KVM module parameters')
    .optional(),
  bootId: shortText(64).optional(),
  hypervisor: z.boolean().describe('true: this machine is itself a virtual machine').optional(),
});

export const nodeVerdict = z.strictObject({
  profile: shortText(MAX_PROFILE_NAME),
  digest: shortText(16).describe('First 16 hex digits of the resolved profile'),
  compatible: z.enum(['Yes', 'No', 'Unknown']),
  proven: z.boolean(),
  held: z
    .boolean()
    .describe('true: the verdict is no longer Yes, and the label stays until it is released')
    .optional(),
  since: time(),
  reason: shortText(64),
  findings: counter(),
  message: shortText(200).optional(),
});

export const nodeCpuStatus = z.strictObject({
  snapshot: shortText(63).optional(),
  observedAt: time().optional(),
  provenance: provenance.optional(),
  verdicts: z.array(nodeVerdict).max(512).meta({ 'x-kubernetes-list-type': 'atomic' }).optional(),
  history: z
    .array(
      z.strictObject({
        at: time(),
        snapshot: shortText(63),
        kernel: shortText(128).optional(),
        microcode: shortText(32).optional(),
        firmware: shortText(128).optional(),
      }),
    )
    .max(5)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .optional(),
  conditions: conditions(),
});

export const nodeCpu = z
  .strictObject({ spec: nodeCpuSpec, status: nodeCpuStatus.optional() })
  .describe('The CPU of the Node of the same name: its snapshot, and which profiles it can run');
export type NodeCpuSpec = z.infer<typeof nodeCpuSpec>;
export type NodeCpuStatus = z.infer<typeof nodeCpuStatus>;
export type NodeVerdict = z.infer<typeof nodeVerdict>;
export type Provenance = z.infer<typeof provenance>;
