/**
 * Which labels the Node shall carry. The one rule above all: a label that vanishes kills running VMs when the
 * kubelet restarts, so a profile's label is taken away only when its CpuProfile is confirmed gone.
 */
import { PROFILE_LABEL_PREFIX, SNAPSHOT_LABEL, VENDOR_LABEL, profileLabel } from '../../crds/kinds.ts';
import type { Assessment, Input, NodeView } from './input.ts';

export interface LabelDecision {
  /** The complete set for server-side apply, which prunes whatever it leaves out; undefined: write nothing. */
  readonly write: Readonly<Record<string, string>> | undefined;
  /** Profiles whose positive label appears or goes with this write. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Profiles that are gone, with a label that somebody else set: not ours to take away. */
  readonly foreign: readonly string[];
}

const NOTHING: LabelDecision = { write: undefined, added: [], removed: [], foreign: [] };

/** The profiles that the Node carries a label of, whatever its value. */
export const labelNames = (labels: Readonly<Record<string, string>>): string[] =>
  Object.keys(labels)
    .filter((key) => key.startsWith(PROFILE_LABEL_PREFIX))
    .map((key) => key.slice(PROFILE_LABEL_PREFIX.length))
    .sort();

/** true when the Node carries the positive label of `profile`. */
export const isLabelled = (node: NodeView, profile: string): boolean =>
  node.labels[profileLabel(profile)] === 'true';

/** Labels for the Node. A failed probe changes none at all, not even those of profiles that are gone. */
export function decideLabels(input: Pick<Input, 'probe' | 'assessments' | 'node' | 'gone'>): LabelDecision {
  const { probe, assessments, node, gone } = input;
  if (!probe.good) return NOTHING;
  const due = dueLabels(probe.snapshot, probe.vendor, assessments ?? []);
  // What is there stays, with the value it has: leaving a label of ours out of the apply would prune it.
  const desired: Record<string, string> = { ...keptLabels(node), ...due };
  // Two sources must agree that a profile is gone: the list that we watch, and the direct read.
  const listed = assessments && new Set(assessments.map((assessment) => assessment.profile));
  const removable = labelNames(node.labels).filter((name) => gone.has(name) && listed?.has(name) === false);
  for (const name of removable) Reflect.deleteProperty(desired, profileLabel(name));

  const { owned } = node;
  const isOurs = (name: string): boolean => owned?.has(profileLabel(name)) ?? true;
  const removed = removable.filter(isOurs);
  const foreign = removable.filter((name) => !isOurs(name));
  // A label we are responsible for that another manager alone owns could not be taken away with its profile.
  const missing = Object.entries(due).some(
    ([key, value]) => node.labels[key] !== value || owned?.has(key) === false,
  );
  if (!missing && removed.length === 0) return { ...NOTHING, foreign };
  const added = labelNames(due).filter((name) => !isLabelled(node, name));
  return { write: desired, added, removed, foreign };
}

/** The labels that follow from a good probe: snapshot, vendor, and one for each profile that says Yes. */
function dueLabels(
  snapshot: string,
  vendor: string,
  assessments: readonly Assessment[],
): Record<string, string> {
  const due: Record<string, string> = { [SNAPSHOT_LABEL]: snapshot, [VENDOR_LABEL]: vendor };
  for (const { profile, compatible } of assessments) {
    if (compatible === 'Yes') due[profileLabel(profile)] = 'true';
  }
  return due;
}

/** Profile labels that are there, ours or not, and whatever else our manager owns (an other version's label). */
const keptLabels = (node: NodeView): Record<string, string> =>
  Object.fromEntries(
    Object.entries(node.labels).filter(
      ([key]) => key.startsWith(PROFILE_LABEL_PREFIX) || node.owned?.has(key),
    ),
  );
