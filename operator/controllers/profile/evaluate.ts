/** What a CpuProfile's spec comes to: accepted with the files it renders to, or the reason why not. */
import type { CpuProfileSpec } from '../../../crds/cpu-profile.ts';
import { RenderError, renderFiles } from '../../../profiles/formats/render.ts';
import { accept, type Acceptance } from '../../../profiles/make/accept.ts';
import { FilterError } from '../../../profiles/msr-filter/compile.ts';
import { firstOf } from '../../sentences.ts';
import { contentHash } from './content.ts';

/** The files of an accepted profile: their hash, and the text again when it is needed; or why there are none. */
export type Content =
  | { readonly hash: string; readonly files: () => Record<string, string> }
  | { readonly reason: 'TooLarge' | 'FilterFailed'; readonly message: string };

export type Evaluation =
  | {
      readonly accepted: true;
      readonly digest: string;
      readonly message: string;
      readonly content: Content;
    }
  | { readonly accepted: false; readonly reason: string; readonly message: string };

const MAX_FINDINGS_SHOWN = 3;

/** Findings as one line of a condition: the first few in full, the others as a number. */
const sentences = (findings: readonly { code: string; message: string }[]): string =>
  firstOf(
    findings.map(({ code, message }) => `${code}: ${message.replace(/\.$/, '')}`),
    MAX_FINDINGS_SHOWN,
    '; ',
  );

function refusal({ reason, message, findings }: Extract<Acceptance, { accepted: false }>): Evaluation {
  const errors = findings.filter(({ severity }) => severity === 'error');
  return { accepted: false, reason, message: errors.length > 0 ? sentences(errors) : message };
}

/**
 * Accepts and renders a spec. Throws only what a bug in that code throws: the caller turns it into a condition,
 * because no profile may stop the operator's work on the others.
 */
export function evaluate(name: string, spec: CpuProfileSpec): Evaluation {
  const acceptance = accept(name, spec);
  if (!acceptance.accepted) return refusal(acceptance);
  const { profile, digest, notes } = acceptance;
  return {
    accepted: true,
    digest,
    message: notes.length === 0 ? 'the profile is consistent' : `accepted, with notes: ${sentences(notes)}`,
    content: contentOf(() => renderFiles({ profile, digest }, spec.delivery?.formats)),
  };
}

/** Not the text itself: a hundred profiles are tens of megabytes, and most of the time nobody needs them. */
function contentOf(files: () => Record<string, string>): Content {
  try {
    return { hash: contentHash(files()), files };
  } catch (error) {
    if (error instanceof RenderError) return { reason: 'TooLarge', message: error.message };
    if (error instanceof FilterError) return { reason: 'FilterFailed', message: error.message };
    throw error;
  }
}
