/** How many nodes can run each profile, kept up to date verdict by verdict instead of counted anew. */
import { shortDigest } from '../../../profiles/model/canonical.ts';
import type { Compatible } from '../../../profiles/model/finding.ts';

/** A verdict reduced to what is counted. Equal ones are one object (VerdictPool). */
export interface CountedVerdict {
  readonly profile: string;
  /** First 16 hex digits of the profile the agent judged. */
  readonly digest: string;
  readonly compatible: Compatible;
  readonly held: boolean;
}

/** compatible + incompatible + unknown = all nodes with a NodeCpu; a held label is counted beside them. */
export interface NodeCounts {
  readonly compatible: number;
  readonly incompatible: number;
  readonly unknown: number;
  readonly held: number;
}

/**
 * Verdicts by profile. A verdict about another digest than the profile's present one says nothing about it, nor
 * does a NodeCpu without a verdict on it: both are unknown.
 */
export class VerdictIndex {
  readonly #byNode = new Map<string, readonly CountedVerdict[]>();
  /** profile -> verdict -> how many nodes say so. */
  readonly #tallies = new Map<string, Map<CountedVerdict, number>>();

  get nodes(): number {
    return this.#byNode.size;
  }

  /**
   * Takes over what a node says now; `undefined` when its NodeCpu is gone. Answers the profiles whose counts may
   * have changed, or 'all' when a node came or went.
   */
  update(node: string, verdicts: readonly CountedVerdict[] | undefined): ReadonlySet<string> | 'all' {
    const before = this.#byNode.get(node);
    const changed = new Set<string>();
    const old = new Set(before);
    const now = new Set(verdicts);
    for (const verdict of old) if (!now.has(verdict)) this.#add(verdict, -1, changed);
    for (const verdict of now) if (!old.has(verdict)) this.#add(verdict, 1, changed);
    if (verdicts === undefined) this.#byNode.delete(node);
    else this.#byNode.set(node, verdicts);
    return (before === undefined) === (verdicts === undefined) ? changed : 'all';
  }

  /** Counts for `profile` with the digest it has now; undefined when it has none, because it is not accepted. */
  counts(profile: string, digest: string | undefined): NodeCounts {
    const current = digest === undefined ? undefined : shortDigest(digest);
    let compatible = 0;
    let incompatible = 0;
    let held = 0;
    for (const [verdict, nodes] of this.#tallies.get(profile) ?? []) {
      if (verdict.held) held += nodes;
      if (verdict.digest !== current) continue;
      if (verdict.compatible === 'Yes') compatible += nodes;
      if (verdict.compatible === 'No') incompatible += nodes;
    }
    return { compatible, incompatible, unknown: this.nodes - compatible - incompatible, held };
  }

  #add(verdict: CountedVerdict, difference: 1 | -1, changed: Set<string>): void {
    changed.add(verdict.profile);
    const tally = this.#tallies.get(verdict.profile) ?? new Map<CountedVerdict, number>();
    const nodes = (tally.get(verdict) ?? 0) + difference;
    if (nodes === 0) tally.delete(verdict);
    else tally.set(verdict, nodes);
    if (tally.size === 0) this.#tallies.delete(verdict.profile);
    else this.#tallies.set(verdict.profile, tally);
  }
}
