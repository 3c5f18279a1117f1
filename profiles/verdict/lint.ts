/** Is a profile consistent in itself: every rule, over one profile. The rules are data; each stands beside its kind. */
import { definitionsFor } from '../definitions/definitions.ts';
import type { Where } from '../model/finding.ts';
import type { Profile } from '../model/profile.ts';
import { CPUID_RULES } from './lint-cpuid.ts';
import { FILTER_RULES } from './lint-filter.ts';
import { MSR_RULES } from './lint-msrs.ts';
import type { LintRule } from './lint-rule.ts';
import { VMX_RULES } from './lint-vmx.ts';

export interface LintFinding {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'note';
  readonly where: Where;
  readonly name: string;
  readonly message: string;
}

/** Every rule, in the order in which findings of one severity are shown. */
export const LINT_RULES: readonly LintRule[] = [...CPUID_RULES, ...MSR_RULES, ...VMX_RULES, ...FILTER_RULES];

const RANK = { error: 0, warning: 1, note: 2 } as const;

/** What breaks a rule, errors first. A profile with an error is never accepted. */
export function lint(profile: Profile): LintFinding[] {
  const definitions = definitionsFor(profile.vendor);
  return LINT_RULES.flatMap(({ code, severity, find }) =>
    find(profile, definitions).map((broken): LintFinding => ({ code, severity, ...broken })),
  ).sort((left, right) => RANK[left.severity] - RANK[right.severity]);
}
