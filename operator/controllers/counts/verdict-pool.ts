/** Reads NodeCpus into few shared objects: 5,000 nodes with 100 verdicts each say the same few hundred things. */
import type { NodeCpuStatus } from '../../../crds/node-cpu.ts';
import type { KubeObject } from '../../../kube/types.ts';
import type { CountedVerdict } from './verdict-index.ts';

export interface NodeCpuObject extends KubeObject {
  status?: NodeCpuStatus;
}

/** A pool beyond this is somebody's mischief; starting again costs memory for duplicates, and nothing else. */
const MAX_POOLED = 20_000;

export class VerdictPool {
  readonly #pool = new Map<string, CountedVerdict>();

  /** One verdict for each profile: when a NodeCpu repeats a profile, the first counts. */
  read({ status }: NodeCpuObject): readonly CountedVerdict[] {
    const seen = new Set<string>();
    const verdicts: CountedVerdict[] = [];
    for (const { profile, digest, compatible, held = false } of status?.verdicts ?? []) {
      if (seen.has(profile)) continue;
      seen.add(profile);
      verdicts.push(this.#shared({ profile, digest, compatible, held }));
    }
    return verdicts;
  }

  #shared(verdict: CountedVerdict): CountedVerdict {
    const key = `${verdict.profile} ${verdict.digest} ${verdict.compatible} ${verdict.held ? 'held' : ''}`;
    const known = this.#pool.get(key);
    if (known !== undefined) return known;
    if (this.#pool.size >= MAX_POOLED) this.#pool.clear();
    this.#pool.set(key, verdict);
    return verdict;
  }
}
