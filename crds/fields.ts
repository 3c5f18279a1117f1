/** Building blocks of the four kinds: every string and list has a bound, because CEL must be able to price it. */
import * as z from 'zod';

/**
 * Upper case and padding are accepted from people; what we write is canonical. The pattern alone refuses what does
 * not fit the word, so that it never gets into the cluster.
 */
const HEX32 = /^0[xX]0*[0-9a-fA-F]{1,8}$/;
const HEX64 = /^0[xX]0*[0-9a-fA-F]{1,16}$/;
/** Room for a number that is too large: told that it does not match, a person sees why; "too long" says less. */
const MAX_HEX = '0x'.length + 32;

export const hex32 = () =>
  z
    .string()
    .regex(HEX32, { abort: true, error: 'must be a 32-bit number in hexadecimal, such as 0x1f' })
    .max(MAX_HEX)
    .describe('32-bit number in hexadecimal, such as 0x1f');
export const hex64 = () =>
  z
    .string()
    .regex(HEX64, { abort: true, error: 'must be a 64-bit number in hexadecimal, such as 0x1f' })
    .max(MAX_HEX)
    .describe('64-bit number in hexadecimal, such as 0x1f');
export const time = () => z.iso.datetime().max(40);
export const shortText = (max: number) => z.string().max(max);

export const vendor = () => z.enum(['intel', 'amd']).describe('Vendor of the CPU');
export const register = () => z.enum(['eax', 'ebx', 'ecx', 'edx']);
export const FORMATS = ['cloud-hypervisor', 'firecracker', 'qemu', 'libvirt', 'kvm'] as const;

export const options = () =>
  z
    .strictObject({
      nested: z.boolean().describe('Nested virtualization: VMX or SVM and their MSRs').optional(),
      amx: z.boolean().describe('Intel AMX: tiles and their XSAVE components').optional(),
      hyperv: z.boolean().describe('Hyper-V enlightenment MSRs').optional(),
    })
    .describe(
      'Absent: what the catalogue entry or the data holds. false takes that part away, true asks for it.',
    );

const condition = z.strictObject({
  type: shortText(64),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: shortText(64),
  message: shortText(4096),
  lastTransitionTime: time(),
  observedGeneration: z.int().min(0).optional(),
});

export const conditions = () =>
  z
    .array(condition)
    .max(16)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .optional();

const count = z.int().min(0);
export const counter = () => count;
