/** Where a finding points, for a column of a table: nothing where it concerns the whole. */
import type { Where } from '../../profiles/model/finding.ts';
import { placeText } from '../../profiles/verdict/findings.ts';

export const placeCell = (where: Where): string =>
  'leaf' in where || 'msr' in where ? placeText(where) : '';
