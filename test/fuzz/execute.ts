/** One execution of a target: its input follows from seed and number alone, so every failure can be had again. */
import { mutateJson } from './mutate-json.ts';
import { mutateText } from './mutate-text.ts';
import { randomOf } from './random.ts';
import { MAX_MESSAGE, type FuzzTarget } from './target.ts';

/** The texts that execution `number` gives the target. */
export function inputOf(target: FuzzTarget, seed: number, number: number): string[] {
  const random = randomOf(seed, number);
  const texts = [...random.pick(target.seeds)];
  const which = random.int(texts.length);
  const text = texts[which] ?? '';
  const mutation = random.pick(target.mutations);
  const value = mutation === 'text' ? undefined : parsed(text);
  texts[which] =
    value === undefined
      ? mutateText(text, target.seeds.flat(), random)
      : JSON.stringify(mutateJson(value, random, mutation === 'shape'));
  return texts;
}

/** `undefined` for a seed that is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What is wrong with the target for this input; `undefined` when nothing is. */
export async function execute(
  target: FuzzTarget,
  texts: readonly string[],
): Promise<'taken' | 'refused' | Error> {
  try {
    await target.run(texts);
    return 'taken';
  } catch (error) {
    if (!(error instanceof Error)) return new Error(`threw ${String(error)}`);
    try {
      if (!target.documented(error)) return error;
    } catch (assertion) {
      return assertion instanceof Error ? assertion : new Error(String(assertion));
    }
    return error.message.length > MAX_MESSAGE
      ? new Error(`an error message of ${error.message.length} characters`)
      : 'refused';
  }
}
