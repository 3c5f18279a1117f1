/** Documents as the objects they describe. */
import type { Manifest } from '../../crds/parse.ts';
import { quickManifest } from '../../crds/quick.ts';
import { badInput } from '../failure.ts';
import { readDocuments } from './documents.ts';

export interface InputManifest {
  readonly origin: string;
  readonly manifest: Manifest;
}

/** Reads the objects in a file, or standard input for `-`. Throws CliFailure naming document, place and reason. */
export async function readManifests(path: string): Promise<InputManifest[]> {
  const manifests: InputManifest[] = [];
  for (const { origin, content } of await readDocuments(path)) {
    manifests.push({ origin, manifest: quickManifest(content) ?? (await parsed(origin, content)) });
  }
  return manifests;
}

/** Loaded here: the types of the four kinds take longer to build than most files to read. */
async function parsed(origin: string, content: unknown): Promise<Manifest> {
  const { parseManifest } = await import('../../crds/parse.ts');
  try {
    return parseManifest(content);
  } catch (error) {
    throw badInput(origin, error);
  }
}
