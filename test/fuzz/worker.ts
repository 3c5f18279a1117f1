/** Fuzzes one target in a thread of its own: its memory is limited, and its owner can end it when it hangs. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import * as z from 'zod';
import { execute, inputOf } from './execute.ts';
import { MAX_EXECUTION_MS, MAX_HEAP_GROWTH_MB, type FuzzTarget } from './target.ts';
import { TARGETS } from './targets.ts';

const { name, seed, seconds, progress } = z
  .object({ name: z.string(), seed: z.int(), seconds: z.number(), progress: z.instanceof(SharedArrayBuffer) })
  .parse(workerData);
const target = TARGETS.find((candidate) => candidate.name === name);
if (target === undefined) throw new Error(`no fuzz target ${name}`);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heapMb = (): number => process.memoryUsage().heapUsed / 1024 / 1024;

const current = new Int32Array(progress);
collect();
const before = heapMb();
const start = performance.now();
let executions = 0;
let taken = 0;
let slowestMs = 0;
let slowest = 0;
let growthMb = 0;
let failure: { execution: number; message: string } | undefined;

/** The least of three more: a machine that was busy elsewhere is not held against the target. */
async function again(input: readonly string[]): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 3; i += 1) {
    const began = performance.now();
    await execute(target as FuzzTarget, input);
    least = Math.min(least, performance.now() - began);
  }
  return least;
}

// Seeds of which none is taken fuzz nothing but the first line.
const outcomes = await Promise.all(target.seeds.map((texts) => execute(target, texts)));
const broken = outcomes.find((outcome) => outcome instanceof Error);
if (broken !== undefined) failure = { execution: -1, message: `a seed: ${broken.stack ?? broken.message}` };
if (!outcomes.includes('taken')) failure ??= { execution: -1, message: 'no seed is taken' };

while (failure === undefined && performance.now() - start < seconds * 1000) {
  Atomics.store(current, 0, executions);
  const input = inputOf(target, seed, executions);
  const began = performance.now();
  const outcome = await execute(target, input);
  const took = performance.now() - began;
  if (took > slowestMs) [slowestMs, slowest] = [took, executions];
  if (outcome === 'taken') taken += 1;
  else if (outcome !== 'refused')
    failure = { execution: executions, message: outcome.stack ?? outcome.message };
  if (took > MAX_EXECUTION_MS && (await again(input)) > MAX_EXECUTION_MS)
    failure ??= { execution: executions, message: `took ${Math.round(took)} ms` };
  executions += 1;
  if (executions % 512 === 0 && heapMb() - before > MAX_HEAP_GROWTH_MB) {
    collect();
    growthMb = Math.max(growthMb, heapMb() - before);
    if (growthMb > MAX_HEAP_GROWTH_MB)
      failure = { execution: executions, message: `keeps ${Math.round(growthMb)} MB` };
  }
}
collect();
growthMb = Math.max(growthMb, heapMb() - before);
parentPort?.postMessage({ executions, taken, slowestMs, slowest, growthMb, failure });
