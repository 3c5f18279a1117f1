/** The form of a consistency rule. */
import type { Definitions } from '../definitions/types.ts';
import type { Where } from '../model/finding.ts';
import type { Profile } from '../model/profile.ts';

export interface Broken {
  readonly where: Where;
  readonly name: string;
  readonly message: string;
}

export interface LintRule {
  /** CamelCase, public and stable. */
  readonly code: string;
  /** error: the profile is not accepted. */
  readonly severity: 'error' | 'warning' | 'note';
  /** The law, as the reference prints it. */
  readonly law: string;
  readonly find: (profile: Profile, definitions: Definitions) => readonly Broken[];
}
