/** A row's fields by relation, as masks of their bits: what a comparison needs before it needs names. */
import { mask32, or32 } from '../model/numbers.ts';
import type { CpuidDefinition } from './types.ts';

export interface RowMasks {
  /** Every bit that some field has. */
  readonly named: number;
  readonly subset: number;
  readonly superset: number;
  readonly equal: number;
  readonly atMost: number;
}

const NONE: RowMasks = { named: 0, subset: 0, superset: 0, equal: 0, atMost: 0 };

// A derived view, kept as long as the row it belongs to.
const masks = new WeakMap<CpuidDefinition, RowMasks>();

/** All zero where no row is. */
export function rowMasks(row: CpuidDefinition | undefined): RowMasks {
  if (row === undefined) return NONE;
  const known = masks.get(row);
  if (known !== undefined) return known;
  const found = { ...NONE };
  for (const { first, last, relation } of row.fields) {
    const bits = mask32(first, last);
    found.named = or32(found.named, bits);
    if (relation === 'subset' || relation === 'superset' || relation === 'equal')
      found[relation] = or32(found[relation], bits);
    else if (relation === 'at-most') found.atMost = or32(found.atMost, bits);
  }
  masks.set(row, found);
  return found;
}
