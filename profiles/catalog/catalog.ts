/**
 * The shipped profiles. A published profile never changes, since its digest stands in labels, ConfigMaps and running
 * guests: a better one gets a new name (`…-v2`). Each says where its values were first published.
 */
import type { ProfileDataWire } from '../model/profile.ts';
import { REGISTERS, VENDORS, type Vendor } from '../model/registers.ts';
import amd from './amd.json' with { type: 'json' };
import cascadeLake from './cascade-lake.json' with { type: 'json' };
import { unpack } from './compact.ts';
import intel from './intel.json' with { type: 'json' };
import sapphireRapids from './sapphire-rapids.json' with { type: 'json' };
import skylake from './skylake.json' with { type: 'json' };

/** What lists say of an entry; its data is read only when it is asked for. */
export interface CatalogSummary {
  readonly name: string;
  readonly vendor: Vendor;
  /** One line for lists. */
  readonly description: string;
  /** Where the values come from: repository, files, commits and licence, or program, version and model. */
  readonly source: string;
  /** When the first CPU of the line was sold. */
  readonly year: number;
  /** Models of QEMU and levels of the psABI that the entry stands for; its own first. */
  readonly covers: readonly string[];
}

export interface CatalogEntry extends CatalogSummary {
  readonly data: ProfileDataWire;
}

interface Shelf {
  readonly summary: CatalogSummary;
  readonly data: () => ProfileDataWire;
}

type PublishedFile = typeof cascadeLake | typeof sapphireRapids | typeof skylake;
type ModelsFile = typeof amd | typeof intel;

const SHELVES: ReadonlyMap<string, Shelf> = new Map(
  [
    published('cascade-lake', 2019, cascadeLake),
    published('sapphire-rapids', 2023, sapphireRapids),
    published('skylake', 2017, skylake),
    ...models('intel', intel),
    ...models('amd', amd),
  ]
    .sort((left, right) => (left.summary.name < right.summary.name ? -1 : 1))
    .map((shelf) => [shelf.summary.name, shelf]),
);

/** The names of the shipped profiles, in alphabetical order. */
export const catalogNames = (): readonly string[] => [...SHELVES.keys()];

/** What there is, without the data: Intel's, then AMD's, each by year, then by name. */
export const catalogSummaries = (): readonly CatalogSummary[] =>
  [...SHELVES.values()]
    .map(({ summary }) => summary)
    .sort(
      (left, right) => VENDORS.indexOf(left.vendor) - VENDORS.indexOf(right.vendor) || left.year - right.year,
    );

/** The shipped profile of that name. A program that never asks for one never converts one. */
export function catalogEntry(name: string): CatalogEntry | undefined {
  const shelf = SHELVES.get(name);
  return (
    shelf && {
      ...shelf.summary,
      get data() {
        return shelf.data();
      },
    }
  );
}

/** The one entry that stands for a model of QEMU, by its name in any spelling: `Icelake-Server-v6`. */
export function entryCovering(model: string): string | undefined {
  const [entry, second] = [...SHELVES.values()].filter(({ summary }) =>
    summary.covers.some((covered) => covered.toLowerCase() === model.toLowerCase()),
  );
  return second === undefined ? entry?.summary.name : undefined;
}

function published(name: string, year: number, { vendor, description, source, data }: PublishedFile): Shelf {
  return {
    summary: { name, vendor: oneOf(VENDORS, vendor), description, source, year, covers: [] },
    data: () => ({
      cpuid: data.cpuid.map((entry) => ({ ...entry, register: oneOf(REGISTERS, entry.register) })),
      featureMsrs: data.featureMsrs,
      requiredMsrs: data.requiredMsrs,
    }),
  };
}

function models(vendor: Vendor, { frame, entries }: ModelsFile): Shelf[] {
  return entries.map(({ changes, ...about }) => {
    let unpacked: ProfileDataWire | undefined;
    return { summary: { vendor, ...about }, data: () => (unpacked ??= unpack(frame, changes)) };
  });
}

/** Narrows a word of a shipped file. Throws for a word outside `words`: a fault in the file, which the tests find. */
function oneOf<T extends string>(words: readonly T[], word: string): T {
  const known = words.find((candidate) => candidate === word);
  if (known === undefined) throw new Error(`the catalogue says ${word} where it takes ${words.join(', ')}`);
  return known;
}
