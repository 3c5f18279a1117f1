/** Runs a fuzz target for a while, in a worker with limits of its own. */
import { Worker } from 'node:worker_threads';
import * as z from 'zod';
import { MAX_HEAP_GROWTH_MB } from './target.ts';

const result = z.object({
  executions: z.int(),
  taken: z.int(),
  slowestMs: z.number(),
  /** Its number. */
  slowest: z.int(),
  growthMb: z.number(),
  failure: z.object({ execution: z.int(), message: z.string() }).optional(),
});
export type FuzzResult = z.infer<typeof result>;

/** The code and tables a worker loads before its first execution, MB. */
const LOADED_MB = 120;
/** A worker that has not come back so long after its time is stuck in one execution. */
const PATIENCE_MS = 5000;

/** Executes until the time is over or something is wrong; never throws for what the target does. */
export async function fuzz(name: string, seconds: number, seed: number): Promise<FuzzResult> {
  const progress = new SharedArrayBuffer(4);
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { name, seconds, seed, progress },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: LOADED_MB + MAX_HEAP_GROWTH_MB },
  });
  const execution = (): number => new Int32Array(progress)[0] ?? 0;
  const failed = (message: string): FuzzResult => ({
    executions: execution(),
    taken: 0,
    slowestMs: 0,
    slowest: 0,
    growthMb: 0,
    failure: { execution: execution(), message },
  });
  return await new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const done = (outcome: FuzzResult): void => {
      clearTimeout(timer);
      resolve(outcome);
      void worker.terminate();
    };
    worker.once('online', () => {
      timer = setTimeout(
        () => {
          done(failed('does not come back'));
        },
        seconds * 1000 + PATIENCE_MS + 10_000,
      );
    });
    worker.once('message', (message) => {
      done(result.parse(message));
    });
    worker.once('error', (error: unknown) => {
      done(failed(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    });
    worker.once('exit', (code) => {
      done(failed(`the worker ended with ${code}`));
    });
  });
}

/** One line a target. */
export const summary = (
  name: string,
  seed: number,
  { executions, taken, slowestMs, slowest, growthMb }: FuzzResult,
): string =>
  `${name.padEnd(26)} ${String(executions).padStart(8)} executions, ${Math.round((100 * taken) / Math.max(1, executions))} % taken, ` +
  `slowest ${slowestMs.toFixed(0)} ms (execution ${slowest}), heap ${growthMb >= 0 ? '+' : ''}${growthMb.toFixed(0)} MB, seed ${seed}`;

/** How to have a failure again. */
export const reproduce = (name: string, seed: number, failure: NonNullable<FuzzResult['failure']>): string =>
  `${name}, seed ${seed}, execution ${failure.execution}: ${failure.message}\nagain: node test/fuzz/main.ts --target ${name} --seed ${seed} --execution ${failure.execution}`;
