/** Differences and limits as rows of a table. */
import type { Limit } from '../../profiles/make/baseline-limits.ts';
import type { Difference } from '../../profiles/make/diff-fields.ts';
import { placeText } from '../../profiles/verdict/findings.ts';
import { placeCell } from './place.ts';
import { table } from './print.ts';

const SIGNS = { gained: '+', lost: '-', changed: '~' } as const;

/** A place with its bits; nothing for what concerns the whole. */
export const placeColumn = ({ where, bits }: Pick<Difference, 'where' | 'bits'>): string =>
  placeCell(where) === '' ? '' : placeText(where, bits);

/** `+` the right side offers more, `-` less, `~` neither can be said. */
export const differenceTable = (differences: readonly Difference[], left: string, right: string): string =>
  table(
    ['', 'NAME', 'WHERE', 'CLASS', left, right],
    differences.map((each) => [
      SIGNS[each.change],
      each.name,
      placeColumn(each),
      each.class,
      each.left,
      each.right,
    ]),
  );

/** Who limits what, `names` put for the digests of snapshots. */
export const limitTable = (limits: readonly Limit[], names: (snapshot: string) => string): string =>
  table(
    ['NAME', 'WHERE', 'CLASS', 'LIMITED BY'],
    limits.map((limit) => [
      limit.name,
      placeColumn(limit),
      limit.class,
      `${limit.snapshots.map(names).join(', ')}${limit.with === undefined ? '' : ` (over ${limit.with})`}`,
    ]),
  );
