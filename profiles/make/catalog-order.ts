/** The catalogue as a lattice: which entry fits wherever which other fits. */
import { catalogNames, catalogEntry } from '../catalog/catalog.ts';
import type { Profile } from '../model/profile.ts';
import { fitsWherever } from '../verdict/fits-wherever.ts';
import { resolve } from './resolve.ts';

/** Every entry as a profile, as `catalog:NAME` resolves it, by name. */
export function catalogProfiles(): ReadonlyMap<string, Profile> {
  return new Map(
    catalogNames().map((name) => {
      const resolved = resolve({ vendor: catalogEntry(name)?.vendor ?? 'intel', catalog: name });
      if (!resolved.ok) throw new Error(`catalogue entry ${name}: ${resolved.message}`);
      return [name, resolved.profile];
    }),
  );
}

/** For each name the others wherever it fits too, in the order of `profiles`. */
export const orderOf = (profiles: ReadonlyMap<string, Profile>): ReadonlyMap<string, readonly string[]> =>
  new Map(
    [...profiles].map(([name, profile]) => [
      name,
      [...profiles]
        .filter(([other, upper]) => other !== name && fitsWherever(profile, upper))
        .map(([other]) => other),
    ]),
  );

/**
 * Of an order only the steps that no others make up: the edges of its Hasse diagram, upwards. Entries that fit exactly
 * the same hosts stand above each other, and their steps are left in.
 */
export function stepsOf(
  order: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const above = (name: string): readonly string[] => order.get(name) ?? [];
  const strictly = (lower: string, upper: string): boolean =>
    above(lower).includes(upper) && !above(upper).includes(lower);
  return new Map(
    [...order].map(([name, uppers]) => [
      name,
      uppers.filter(
        (upper) => !uppers.some((between) => strictly(name, between) && strictly(between, upper)),
      ),
    ]),
  );
}
