/** CpuBaseline: the greatest profile that every selected node can run. */
import * as z from 'zod';
import { conditions, counter, options, shortText } from './fields.ts';
import { MAX_PROFILE_NAME } from './cpu-profile.ts';

export const cpuBaselineSpec = z
  .strictObject({
    nodeSelector: z
      .record(z.string().max(317), z.string().max(63))
      .meta({ maxProperties: 64 })
      .describe('Labels a node must have, as in a pod'),
    profileName: shortText(MAX_PROFILE_NAME).describe('Name of the CpuProfile that is created once'),
    options: options().optional(),
  })
  .describe('Which nodes, and what to call the profile');

export const cpuBaselineStatus = z.strictObject({
  profile: shortText(MAX_PROFILE_NAME).optional(),
  nodes: counter().optional(),
  snapshots: counter().optional(),
  limitedBy: z
    .array(
      z.strictObject({
        where: shortText(64),
        bits: z.array(counter()).max(64).optional(),
        name: shortText(128),
        snapshots: z.array(shortText(63)).max(64),
      }),
    )
    .max(256)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .optional(),
  conditions: conditions(),
});

export const cpuBaseline = z
  .strictObject({ spec: cpuBaselineSpec, status: cpuBaselineStatus.optional() })
  .describe('The greatest profile that every selected node can run, and what limits it');
