/** What an importer answers, and the bounds that all of them keep. */
import { InputError } from '../model/input-error.ts';
import type { ProfileData } from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import type { Snapshot } from '../model/snapshot.ts';

/** One file of another program. The name is for errors only. */
export interface ImportFile {
  readonly name: string;
  readonly text: string;
}

export interface ImportOptions {
  /** For sources that do not name the vendor; where they do, both must agree. */
  readonly vendor?: Vendor | undefined;
}

/** `notKnown` says in sentences what the source does not tell; none of it is invented. */
export type Imported =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot; readonly notKnown: readonly string[] }
  | {
      readonly kind: 'profile';
      readonly vendor: Vendor;
      readonly data: ProfileData;
      readonly notKnown: readonly string[];
      /** Repeats that were merged. */
      readonly notes?: readonly string[];
    };

/** The dump of a machine with 2,000 CPUs is smaller; a wrong file is refused before it is parsed. */
export const MAX_TEXT = 16 * 1024 * 1024;
/** As many as a CpuSnapshot holds. */
export const MAX_CPUID_ENTRIES = 2048;
export const MAX_MSRS = 4096;

/** Throws InputError for a text that no honest file comes near. */
export function boundText({ name, text }: ImportFile): void {
  if (text.length > MAX_TEXT) throw new InputError(name, `is larger than ${MAX_TEXT / 1024 / 1024} MiB`);
}

/** Exactly one file, within the bounds. Throws InputError. */
export function onlyFile(files: readonly ImportFile[]): ImportFile {
  const [file, second] = files;
  if (file === undefined) throw new InputError('', 'no file was given');
  if (second !== undefined) throw new InputError(second.name, 'is one file too many');
  boundText(file);
  return file;
}

/** `a, b, c and 4 more` */
export function some(names: readonly string[], most = 4): string {
  const rest = names.length - most;
  return rest <= 0 ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${rest} more`;
}
