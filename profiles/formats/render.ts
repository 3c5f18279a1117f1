/** Everything a VMM pod mounts: the files of a profile's ConfigMap, the same bytes for the same profile. */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from '../model/canonical.ts';
import { type Profile, profileToWire } from '../model/profile.ts';
import { type CompiledFilter, compileFilter } from '../msr-filter/compile.ts';
import { filterToWire } from '../msr-filter/wire.ts';
import { renderCloudHypervisor } from './cloud-hypervisor.ts';
import { renderFirecracker } from './firecracker.ts';
import { type Format, FORMATS, rowsJson, type Rendering } from './format.ts';
import { renderKvm } from './kvm.ts';
import { renderLibvirt } from './libvirt.ts';
import { renderQemu } from './qemu.ts';

/** What a ConfigMap can hold (Kubernetes, MaxSecretSize in pkg/apis/core). */
export const MAX_FILES_BYTES = 1024 * 1024;

/** The files of a profile do not fit into a ConfigMap. */
export class RenderError extends Error {
  override readonly name = 'RenderError';
}

export interface RenderInput {
  readonly profile: Profile;
  /** `sha256:…` of the profile, as its object's status shows it. */
  readonly digest: string;
}

/**
 * Files by ConfigMap key: `profile.json`, `kvm-msr-filter.json` and `fidelity.json` always, then those of `formats`
 * (all when absent). `profile.json` is canonical without a final newline: its SHA-256 is the digest.
 * Throws FilterError when the MSR filter cannot be built, RenderError when the files are too big.
 */
export function renderFiles(
  input: RenderInput,
  formats: readonly Format[] = FORMATS,
): Record<string, string> {
  const filter = compileFilter(input.profile);
  const renderings = FORMATS.filter((format) => formats.includes(format)).map(
    (format) => [format, renderingOf(format, input, filter)] as const,
  );
  const files: Record<string, string> = {
    'profile.json': canonicalJson(profileToWire(input.profile)),
    'kvm-msr-filter.json': rowsJson(filterToWire(filter)),
  };
  for (const [, rendering] of renderings) Object.assign(files, rendering.files);
  files['fidelity.json'] = rowsJson({
    profile: input.digest,
    formats: Object.fromEntries(
      renderings.map(([format, { consumers, findings }]) => [format, { consumers, findings }]),
    ),
  });
  checkSize(files);
  return files;
}

function renderingOf(format: Format, { profile, digest }: RenderInput, filter: CompiledFilter): Rendering {
  switch (format) {
    case 'cloud-hypervisor':
      return renderCloudHypervisor(profile);
    case 'firecracker':
      return renderFirecracker(profile);
    case 'kvm':
      return renderKvm(profile, digest, filter);
    case 'qemu':
      return renderQemu(profile);
    case 'libvirt':
      return renderLibvirt(profile);
  }
}

/** Keys count here as well; the API server counts values alone. */
function checkSize(files: Readonly<Record<string, string>>): void {
  const sizes = Object.entries(files)
    .map(([key, text]) => ({ key, bytes: key.length + utf8ToBytes(text).length }))
    .sort((left, right) => right.bytes - left.bytes);
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total < MAX_FILES_BYTES) return;
  const biggest = sizes.slice(0, 3).map(({ key, bytes }) => `${key} ${bytes}`);
  throw new RenderError(
    `the files of the profile take ${total} bytes and a ConfigMap holds less than ${MAX_FILES_BYTES}: ${biggest.join(', ')}; ` +
      'ask for fewer formats or list fewer registers',
  );
}
