/** All fuzz targets. */
import type { FuzzTarget } from './target.ts';
import { FOREIGN_TARGETS } from './targets-foreign.ts';
import { PROJECT_TARGETS } from './targets-project.ts';

export const TARGETS: readonly FuzzTarget[] = [...PROJECT_TARGETS, ...FOREIGN_TARGETS];
