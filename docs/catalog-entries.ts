/**
 * The files in which the catalogue keeps the entries of named models. What is published stays as it is: an entry that the
 * rows would make differently today needs a new name, unless it has not been released yet and is renewed on purpose.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { changesOf, frameOf, toWords } from '../profiles/catalog/compact.ts';
import { catalogSources, KEPT, type CatalogSource } from '../profiles/make/catalog-sources.ts';
import { profileDataToWire, profileDigest } from '../profiles/model/profile.ts';
import { VENDORS } from '../profiles/model/registers.ts';
import * as z from 'zod';

const ROOT = join(import.meta.dirname, '..');
const DIGESTS = join('profiles', 'catalog', 'digests.json');

const file = z.strictObject({
  frame: z.string(),
  entries: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      source: z.string(),
      year: z.number(),
      covers: z.array(z.string()),
      changes: z.string(),
    }),
  ),
});
type ModelsFile = z.infer<typeof file>;

export interface Written {
  readonly path: string;
  readonly content: string;
}

/** The files as they should be, and the names whose published data differs from what the rows make today. */
export function catalogFiles(renew: boolean): { files: Written[]; differing: string[] } {
  const digests = new Map(Object.entries(z.record(z.string(), z.string()).parse(read(DIGESTS) ?? {})));
  const differing: string[] = [];
  const sources = catalogSources();
  const files = VENDORS.map((vendor): Written => {
    const path = join('profiles', 'catalog', `${vendor}.json`);
    const stored = renew ? undefined : file.optional().parse(read(path));
    const own = sources.filter(({ profile }) => profile.vendor === vendor);
    for (const { name, profile } of own) {
      const digest = profileDigest(profile);
      if (renew || !digests.has(name)) digests.set(name, digest);
      else if (digests.get(name) !== digest && !KEPT.includes(name)) differing.push(name);
    }
    return { path, content: written(stored === undefined ? made(own) : added(stored, own)) };
  });
  return {
    files: [
      ...files,
      {
        path: DIGESTS,
        content: written(Object.fromEntries([...digests].sort(([a], [b]) => (a < b ? -1 : 1)))),
      },
    ],
    differing,
  };
}

const words = ({ profile }: CatalogSource): Map<string, string> => toWords(profileDataToWire(profile.data));

function made(sources: readonly CatalogSource[]): ModelsFile {
  const frame = frameOf(sources.map(words));
  return { frame, entries: sources.map((source) => entryOf(source, frame)) };
}

/** The stored file with what it does not have yet; the frame stays, so that no published entry is touched. */
function added({ frame, entries }: ModelsFile, sources: readonly CatalogSource[]): ModelsFile {
  const missing = sources.filter(({ name }) => !entries.some((entry) => entry.name === name));
  return { frame, entries: [...entries, ...missing.map((source) => entryOf(source, frame))] };
}

const entryOf = (source: CatalogSource, frame: string): ModelsFile['entries'][number] => {
  const { name, description, source: origin, year, covers } = source;
  return {
    name,
    description,
    source: origin,
    year,
    covers: [...covers],
    changes: changesOf(frame, words(source)),
  };
};

const written = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
