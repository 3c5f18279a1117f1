/**
 * The shipped profiles. A published profile never changes, since its digest stands in labels, ConfigMaps and running
 * guests: a better one gets a new name (`…-v2`). Each file says where its values were first published.
 */
import type { ProfileDataWire } from '../model/profile.ts';
import { REGISTERS, VENDORS, type Vendor } from '../model/registers.ts';
import cascadeLake from './cascade-lake.json' with { type: 'json' };
import sapphireRapids from './sapphire-rapids.json' with { type: 'json' };
import skylake from './skylake.json' with { type: 'json' };

export interface CatalogEntry {
  readonly name: string;
  readonly vendor: Vendor;
  /** One line for lists. */
  readonly description: string;
  /** Repository, files, commits and licence of the published values. */
  readonly source: string;
  readonly data: ProfileDataWire;
}

type CatalogFile = typeof cascadeLake | typeof sapphireRapids | typeof skylake;

const FILES: ReadonlyMap<string, CatalogFile> = new Map([
  ['cascade-lake', cascadeLake],
  ['sapphire-rapids', sapphireRapids],
  ['skylake', skylake],
]);

/** The names of the shipped profiles, in alphabetical order. */
export const catalogNames = (): readonly string[] => [...FILES.keys()];

/** The shipped profile of that name. A program that never asks for one never converts one. */
export function catalogEntry(name: string): CatalogEntry | undefined {
  const file = FILES.get(name);
  if (file === undefined) return undefined;
  const { vendor, description, source, data } = file;
  return {
    name,
    vendor: oneOf(VENDORS, vendor),
    description,
    source,
    data: {
      cpuid: data.cpuid.map((entry) => ({ ...entry, register: oneOf(REGISTERS, entry.register) })),
      featureMsrs: data.featureMsrs,
      requiredMsrs: data.requiredMsrs,
    },
  };
}

/** Narrows a word of a shipped file. Throws for a word outside `words`: a fault in the file, which the tests find. */
function oneOf<T extends string>(words: readonly T[], word: string): T {
  const known = words.find((candidate) => candidate === word);
  if (known === undefined) throw new Error(`the catalogue says ${word} where it takes ${words.join(', ')}`);
  return known;
}
