/** CpuProfile: what a guest may see. Everything but `delivery` is immutable: a better profile gets a new name. */
import * as z from 'zod';
import {
  conditions,
  counter,
  FORMATS,
  hex32,
  hex64,
  options,
  register,
  shortText,
  vendor,
} from './fields.ts';

export const MAX_CPUID_ENTRIES = 1024;
export const MAX_FEATURE_MSRS = 256;
export const MAX_REQUIRED_MSRS = 2048;
/** The name goes into a node label, a ConfigMap name and the 48-byte brand string. */
export const MAX_PROFILE_NAME = 41;

const cpuidEntry = z.strictObject({
  leaf: hex32(),
  subleaf: hex32(),
  lastSubleaf: hex32().describe('Last subleaf of a range; absent: only subleaf').optional(),
  register: register(),
  mask: hex32().describe('Bits that come from the host'),
  value: hex32().describe('Bits that are fixed to 1; a bit in neither is fixed to 0'),
});

export const profileData = z.strictObject({
  cpuid: z
    .array(cpuidEntry)
    .max(MAX_CPUID_ENTRIES)
    .describe('guest = (host & mask) | value; a register that is not listed is 0'),
  featureMsrs: z
    .array(z.strictObject({ index: hex32(), mask: hex64(), value: hex64() }))
    .max(MAX_FEATURE_MSRS)
    .optional(),
  requiredMsrs: z
    .array(hex32())
    .max(MAX_REQUIRED_MSRS)
    .describe('MSRs the host must offer in its feature list or its index list')
    .optional(),
});

/** metav1.LabelSelector: replaced as a whole, or a merge would AND two selectors. */
const labelSelector = z
  .strictObject({
    matchLabels: z.record(z.string().max(317), z.string().max(63)).meta({ maxProperties: 64 }).optional(),
    matchExpressions: z
      .array(
        z.strictObject({
          key: shortText(317),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(shortText(63)).max(64).optional(),
        }),
      )
      .max(32)
      .optional(),
  })
  .meta({ 'x-kubernetes-map-type': 'atomic' });

const sameOptional = (field: string): { rule: string; message: string } => ({
  rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
  message: `spec.${field} is immutable: create a profile with a new name`,
});

export const cpuProfileSpec = z
  .strictObject({
    vendor: vendor(),
    catalog: z
      .string()
      .min(1)
      .max(63)
      .describe('Name of a shipped profile; exactly one of catalog and data')
      .optional(),
    data: profileData.describe('The profile itself; exactly one of catalog and data').optional(),
    options: options().optional(),
    filter: z
      .strictObject({ mode: z.enum(['closed', 'deny-known', 'none']).optional() })
      .describe('MSR filter: closed (default) allows only what the profile permits')
      .optional(),
    delivery: z
      .strictObject({
        namespaceSelector: labelSelector
          .describe(
            'Namespaces that get the ConfigMap; absent: those labelled cpuprofiles.dev/delivery=enabled',
          )
          .optional(),
        formats: z
          .array(z.enum(FORMATS))
          .max(FORMATS.length)
          .meta({ 'x-kubernetes-list-type': 'set' })
          .describe('Absent: all formats')
          .optional(),
      })
      .describe('Where the ConfigMap goes: the only mutable part')
      .optional(),
  })
  .describe('What a guest sees; everything but delivery is immutable, a better profile gets a new name')
  .meta({
    'x-kubernetes-validations': [
      { rule: 'has(self.catalog) != has(self.data)', message: 'set exactly one of catalog and data' },
      {
        rule: 'self.vendor == oldSelf.vendor',
        message: 'spec.vendor is immutable: create a profile with a new name',
      },
      sameOptional('catalog'),
      sameOptional('data'),
      sameOptional('options'),
      sameOptional('filter'),
    ],
  });

export const cpuProfileStatus = z.strictObject({
  digest: shortText(80).describe('SHA-256 of the resolved profile').optional(),
  nodes: z
    .strictObject({ compatible: counter(), incompatible: counter(), unknown: counter(), held: counter() })
    .optional(),
  configMaps: counter().optional(),
  conditions: conditions(),
});

export const cpuProfile = z
  .strictObject({ spec: cpuProfileSpec, status: cpuProfileStatus.optional() })
  .describe(
    'A CPU that a guest may see: CPUID, feature MSRs and an MSR filter, the same on every node that carries its label',
  )
  .meta({
    'x-kubernetes-validations': [
      {
        rule: `self.metadata.name.size() <= ${MAX_PROFILE_NAME}`,
        message: `the name must be at most ${MAX_PROFILE_NAME} characters: it goes into a label, a ConfigMap name and the brand string`,
      },
      { rule: "!self.metadata.name.contains('.')", message: 'the name must be a DNS label, without dots' },
    ],
  });

export type CpuProfileSpec = z.infer<typeof cpuProfileSpec>;
export type CpuProfileStatus = z.infer<typeof cpuProfileStatus>;
