/**
 * Is a CpuProfile good to be used: the one answer of agent, operator and command line. A profile that is not
 * accepted never gives a Yes, a label or a ConfigMap.
 */
import type { Profile } from '../model/profile.ts';
import { lint, type LintFinding } from '../verdict/lint.ts';
import { nameProblem, sizeProblem } from './limits.ts';
import { resolve, type ProfileSpecWire } from './resolve.ts';

export type Acceptance =
  | {
      readonly accepted: true;
      readonly profile: Profile;
      readonly digest: string;
      /** Warnings and notes of lint, and of repeats that were merged. */
      readonly notes: LintFinding[];
    }
  | {
      readonly accepted: false;
      /** CamelCase; the reason of the Accepted condition. */
      readonly reason: string;
      readonly message: string;
      readonly findings: LintFinding[];
    };

/** Resolves and lints the profile `name`, after its size. What is wrong with it is a value, never an exception. */
export function accept(name: string, spec: ProfileSpecWire): Acceptance {
  const named = nameProblem(name);
  if (named !== undefined) return refused('InvalidName', named);
  // The size first: nothing is computed over data that is refused anyway.
  const sized = spec.data && sizeProblem(spec.data);
  if (sized !== undefined) return refused('TooLarge', sized);

  const resolution = resolve(spec);
  if (!resolution.ok) return refused(resolution.reason, resolution.message);
  const { profile } = resolution;
  // What is shipped has been linted when it was built (catalog.test.ts): only its notes may be asked for.
  const shipped =
    spec.catalog !== undefined && Object.values(spec.options ?? {}).every((each) => each === undefined);
  let findings = shipped ? undefined : lint(profile);
  const errors = findings?.filter(({ severity }) => severity === 'error') ?? [];
  const [first] = errors;
  if (first !== undefined) {
    const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
    // The one rule with a reason of its own: nothing is wrong with what guests see, only with how KVM is to keep it.
    if (first.code === 'FilterTooLarge') return refused(first.code, `${first.message}${more}`, findings);
    return refused('LintFailed', `${first.code}: ${first.message}${more}`, findings);
  }
  return {
    accepted: true,
    profile,
    get digest() {
      return resolution.digest;
    },
    get notes() {
      return [...resolution.notes.map(merged), ...(findings ??= lint(profile))];
    },
  };
}

const refused = (reason: string, message: string, findings: LintFinding[] = []): Acceptance => ({
  accepted: false,
  reason,
  message,
  findings,
});

const merged = (message: string): LintFinding => ({
  code: 'RepeatMerged',
  severity: 'note',
  where: {},
  name: 'data',
  message,
});
