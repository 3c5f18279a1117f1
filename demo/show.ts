/** What the reader sees: a heading, the command as they could type it, and kubectl's own answer. */
import type { ControlPlane } from '../test/control-plane/start.ts';

export const say = (text: string): void => {
  console.log(text);
};

export const heading = (text: string): void => {
  say(`\n\u2500\u2500 ${text} ${'\u2500'.repeat(Math.max(3, 96 - text.length))}\n`);
};

/** Runs kubectl and prints command and answer, at most `lines` of it; a failing command ends the demo. */
export async function kubectl(
  plane: ControlPlane,
  args: readonly string[],
  stdin?: string,
  lines = Infinity,
): Promise<void> {
  say(`$ kubectl ${args.map(quote).join(' ')}`);
  const { code, stdout, stderr } = await plane.kubectl(args, stdin);
  const answer = `${stdout}${stderr}`.trimEnd().split('\n');
  say(answer.slice(0, lines).map(shortened).join('\n'));
  if (answer.length > lines) say(`… ${String(answer.length - lines)} more lines`);
  say('');
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${String(code)}`);
}

const WIDE = 160;
const shortened = (line: string): string => (line.length > WIDE ? `${line.slice(0, WIDE)} …` : line);

const quote = (argument: string): string => (/[^\w.,:/=@+-]/.test(argument) ? `'${argument}'` : argument);

/** Waits until `check` answers something; throws after `seconds`, saying what was waited for. */
export async function until<T>(what: string, check: () => Promise<T | undefined>, seconds = 60): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await check();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${String(seconds)} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
