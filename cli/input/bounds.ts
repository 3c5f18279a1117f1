/**
 * How much a text can hold, told before it is parsed: what a file of a few megabytes makes of memory and time depends
 * on how many values are in it.
 */
import { badInput } from '../failure.ts';

/** More values than these take over a second or 200 MB; YAML costs several times as much as JSON. */
const MAX_JSON_VALUES = 500_000;
const MAX_YAML_VALUES = 250_000;
/** Quoted words and tags are copied piece by piece. */
const MAX_YAML_TEXT = 8 * 1024 * 1024;

/** Every value but the first of a list, map or line comes after one of these. YAML nests no deeper than its parser allows. */
const JSON_MARKS = [',', '[', '{'];
const YAML_MARKS = [...JSON_MARKS, '\n', '\r'];

/** Throws CliFailure naming `origin` for a text with too many values to be parsed as JSON. */
export const boundJson = (text: string, origin: string): void =>
  bound(text, origin, JSON_MARKS, MAX_JSON_VALUES);

/** The same for YAML, and for one that is too long. */
export function boundYaml(text: string, origin: string): void {
  if (text.length > MAX_YAML_TEXT)
    throw badInput(origin, `is larger than ${MAX_YAML_TEXT / 1024 / 1024} MiB, and not JSON`);
  bound(text, origin, YAML_MARKS, MAX_YAML_VALUES);
}

function bound(text: string, origin: string, marks: readonly string[], limit: number): void {
  let count = 0;
  for (const mark of marks) {
    for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
      count += 1;
      if (count > limit) throw badInput(origin, `holds more than ${limit.toLocaleString('en')} values`);
    }
  }
}
