/** Verdicts for every CpuProfile, computed once for each pair of snapshot and profile. */
import type { Clock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import { accept } from '../profiles/make/accept.ts';
import type { ProfileSpecWire } from '../profiles/make/resolve.ts';
import { shortDigest } from '../profiles/model/canonical.ts';
import type { Snapshot } from '../profiles/model/snapshot.ts';
import { check } from '../profiles/verdict/check.ts';
import type { Assessment } from './decide/input.ts';
import type { ProfileView } from './provided.ts';

/** What acceptance and check say about `spec` on `snapshot`. A profile that is not accepted is never Yes. */
export function assess(name: string, spec: ProfileSpecWire, snapshot: Snapshot): Assessment {
  const acceptance = accept(name, spec);
  if (!acceptance.accepted) {
    const { reason, message } = acceptance;
    return { profile: name, digest: '', compatible: 'Unknown', reason, findings: 0, message };
  }
  const digest = shortDigest(acceptance.digest);
  const { compatible, findings } = check(acceptance.profile, snapshot);
  const against = findings.filter((finding) => finding.severity !== 'note');
  const first = against.find((finding) => finding.severity === 'error') ?? against[0];
  if (compatible === 'Yes') {
    return { profile: name, digest, compatible, reason: 'Compatible', findings: against.length, message: '' };
  }
  return {
    profile: name,
    digest,
    compatible,
    reason: first?.code ?? 'NotObserved',
    findings: against.length,
    message: first === undefined ? '' : messageOf(first.message, against.length - 1),
  };
}

const messageOf = (first: string, more: number): string =>
  more === 0 ? first : `${first} (and ${more} more)`;

interface Known {
  readonly version: string;
  readonly assessment: Assessment;
}

export class Assessor {
  readonly #clock: Pick<Clock, 'delay'>;
  readonly #log: Logger;
  #snapshot = '';
  #known = new Map<string, Known>();

  constructor({ clock, log }: { clock: Pick<Clock, 'delay'>; log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** One assessment for each profile; only those of new profiles, or for a new snapshot, are computed. */
  async assessAll(
    profiles: readonly ProfileView[],
    snapshotName: string,
    snapshot: Snapshot,
  ): Promise<Assessment[]> {
    const before = this.#snapshot === snapshotName ? this.#known : new Map<string, never>();
    this.#snapshot = snapshotName;
    this.#known = new Map();
    for (const profile of profiles) {
      // A profile that was deleted and made again under its name has another uid.
      const version = `${profile.uid}/${profile.generation}`;
      let entry: Known | undefined = before.get(profile.name);
      if (entry?.version !== version) {
        entry = { version, assessment: this.#assess(profile, snapshot) };
        // Twenty milliseconds each, and there may be hundreds: the health checks want an answer meanwhile.
        await this.#clock.delay(0);
      }
      this.#known.set(profile.name, entry);
    }
    return Array.from(this.#known.values(), ({ assessment }) => assessment);
  }

  /** A defect of ours that one profile uncovers must not cost the others their labels. */
  #assess({ name, spec }: ProfileView, snapshot: Snapshot): Assessment {
    try {
      // The API server has checked it against the schema of the kind.
      return assess(name, JSON.parse(spec) as ProfileSpecWire, snapshot);
    } catch (error) {
      this.#log.error({ err: error, profile: name }, 'the profile cannot be assessed');
      const message = error instanceof Error ? error.message : String(error);
      return {
        profile: name,
        digest: '',
        compatible: 'Unknown',
        reason: 'InternalError',
        findings: 0,
        message,
      };
    }
  }
}
