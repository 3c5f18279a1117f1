/** Evaluates each generation of a CpuProfile once, and survives whatever it does to the evaluating code. */
import type { CpuProfileSpec } from '../../../crds/cpu-profile.ts';
import type { Clock } from '../../../kube/clock.ts';
import type { Logger } from '../../../kube/logger.ts';
import { evaluate, type Evaluation } from './evaluate.ts';
import type { ProfileView } from './views.ts';

interface Known {
  readonly uid: string;
  readonly generation: number;
  readonly evaluation: Promise<Evaluation>;
}

export class Evaluations {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #evaluate: (name: string, spec: CpuProfileSpec) => Evaluation;
  readonly #known = new Map<string, Known>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, log: Logger, evaluateSpec = evaluate) {
    this.#clock = clock;
    this.#log = log;
    this.#evaluate = evaluateSpec;
  }

  /** Never rejects. */
  of({ name, uid, generation, spec }: ProfileView): Promise<Evaluation> {
    const known = this.#known.get(name);
    if (known?.uid === uid && known.generation === generation) return known.evaluation;
    // One at a time and each in a turn of its own: it takes tens of milliseconds, and a start has them all to do.
    const evaluation = this.#last.then(async () => {
      await this.#clock.delay(0);
      return this.#safely(name, spec);
    });
    this.#last = evaluation;
    this.#known.set(name, { uid, generation, evaluation });
    return evaluation;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  #safely(name: string, spec: CpuProfileSpec): Evaluation {
    try {
      return this.#evaluate(name, spec);
    } catch (error) {
      this.#log.error({ profile: name, err: error }, 'evaluating the profile failed');
      const why = error instanceof Error ? error.message : String(error);
      return {
        accepted: false,
        reason: 'InternalError',
        message: `this operator cannot read the profile, which is a bug: ${why}. The operator's log has the details.`,
      };
    }
  }
}
