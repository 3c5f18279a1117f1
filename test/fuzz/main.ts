/** `node test/fuzz/main.ts [seconds] [--target NAME] [--seed N] [--execution N]`: fuzzes, or shows one execution again. */
import { parseArgs } from 'node:util';
import { execute, inputOf } from './execute.ts';
import { fuzz, reproduce, summary } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { target: { type: 'string' }, seed: { type: 'string' }, execution: { type: 'string' } },
});
const seconds = Number(positionals[0] ?? process.env['FUZZ_SECONDS'] ?? 5);
const seed = Number(values.seed ?? process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0 || !Number.isInteger(seed) || !(seconds > 0)) {
  console.error(`targets: ${TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

if (values.execution === undefined) {
  let failures = 0;
  for (const { name } of chosen) {
    const result = await fuzz(name, seconds, seed);
    console.log(summary(name, seed, result));
    if (result.failure === undefined) continue;
    failures += 1;
    console.error(reproduce(name, seed, result.failure));
  }
  process.exitCode = failures === 0 ? 0 : 1;
} else {
  for (const target of chosen) {
    const input = inputOf(target, seed, Number(values.execution));
    for (const text of input) console.log(text);
    console.log('----', await execute(target, input));
  }
}
