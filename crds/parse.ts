/**
 * Reads the four kinds: strictly from people's files, tolerantly from the API server, where a newer version of the
 * CRD may have fields that this program does not know. Bad input is an InputError with place and reason.
 */
import * as z from 'zod';
import { InputError } from '../profiles/model/input-error.ts';
import { holdsMoreThan } from '../profiles/model/size.ts';
import { cpuBaseline } from './cpu-baseline.ts';
import { cpuProfile, MAX_PROFILE_NAME } from './cpu-profile.ts';
import { cpuSnapshot } from './cpu-snapshot.ts';
import { API_VERSION } from './kinds.ts';
import { nodeCpu } from './node-cpu.ts';
import { describeIssue } from './parse-issue.ts';
import { tolerant } from './tolerant.ts';

const STRICT = {
  CpuProfile: cpuProfile,
  CpuSnapshot: cpuSnapshot,
  NodeCpu: nodeCpu,
  CpuBaseline: cpuBaseline,
};
const TOLERANT = {
  CpuProfile: tolerant(cpuProfile),
  CpuSnapshot: tolerant(cpuSnapshot),
  NodeCpu: tolerant(nodeCpu),
  CpuBaseline: tolerant(cpuBaseline),
};

export type KindName = keyof typeof STRICT;
type Content<Kind extends KindName> = z.infer<(typeof STRICT)[Kind]>;

/** One object as a file holds it; of the metadata only the name matters. */
export type Manifest = {
  [Kind in KindName]: { apiVersion: string; kind: Kind; metadata: { name: string } } & Content<Kind>;
}[KindName];

/** Three times what the limits of any kind allow; a document with a million entries is refused before it is checked. */
const MAX_VALUES = 100_000;

/** Names of objects: labels of lower-case letters, digits and hyphens, with dots between them (RFC 1123). */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const head = z.looseObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.enum(['CpuProfile', 'CpuSnapshot', 'NodeCpu', 'CpuBaseline']),
  metadata: z.looseObject({
    name: z.string().max(253).regex(NAME, 'must be a DNS name: lower-case letters, digits, hyphens and dots'),
  }),
});

/**
 * One parsed document of a manifest file. Unknown fields are errors, and so is what the API server would refuse
 * when the object is created. Throws InputError.
 */
export function parseManifest(document: unknown): Manifest {
  if (holdsMoreThan(MAX_VALUES, document))
    throw new InputError('', `the document holds more than ${MAX_VALUES.toLocaleString('en')} values`);
  const { apiVersion, kind, metadata, ...content } = read(head, document);
  const manifest = {
    apiVersion,
    kind,
    metadata: { name: metadata.name },
    ...read(STRICT[kind], content),
  } as Manifest;
  if (manifest.kind === 'CpuProfile') checkProfile(manifest.metadata.name, manifest.spec);
  return manifest;
}

/** The CEL rules of the CRD that hold for a single object; without a server nobody else checks them. */
function checkProfile(name: string, spec: Content<'CpuProfile'>['spec']): void {
  if (name.length > MAX_PROFILE_NAME) {
    throw new InputError('metadata.name', `is longer than ${String(MAX_PROFILE_NAME)} characters: ${name}`);
  }
  if (name.includes('.')) throw new InputError('metadata.name', `must be a DNS label, without dots: ${name}`);
  if ((spec.catalog === undefined) === (spec.data === undefined)) {
    throw new InputError('spec', 'set exactly one of catalog and data');
  }
}

/**
 * An object that the API server answered, with its metadata as they came. Unknown fields are dropped. Throws
 * InputError when known ones are not what this version's CRD says.
 */
export function parseObject<Kind extends KindName, Metadata>(
  kind: Kind,
  object: { metadata: Metadata },
): { metadata: Metadata } & Content<Kind> {
  const content = read<z.ZodType<Content<Kind>>>(TOLERANT[kind] as z.ZodType<Content<Kind>>, object);
  return { ...content, metadata: object.metadata };
}

function read<Type extends z.ZodType>(type: Type, input: unknown): z.infer<Type> {
  const result = type.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  const [first, ...others] = result.error.issues;
  if (first === undefined) throw new InputError('', 'is not valid');
  const { place, reason } = describeIssue(first);
  throw new InputError(place, others.length === 0 ? reason : `${reason} (and ${String(others.length)} more)`);
}
