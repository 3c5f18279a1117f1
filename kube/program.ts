/** What the main.ts of every long-running program does: usage, exit codes, signals. */
import process from 'node:process';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** What a command line asks for. */
export type Command<Options> =
  { readonly run: Options } | { readonly print: 'version' | 'help' } | { readonly usageError: string };

export interface Program<Options> {
  readonly name: string;
  readonly version: string;
  readonly help: string;
  readonly command: Command<Options>;
  /** Until the program has been told to stop. */
  readonly run: (options: Options) => Promise<void>;
}

/** Kubernetes and the contract give five seconds in all. */
const STOP_DEADLINE_MS = 4_500;

/** Does what the command line asks for and ends the process: 0 done, 1 a fatal error, 2 wrong usage; errors are one line. */
export async function runProgram<Options>({
  name,
  version,
  help,
  command,
  run,
}: Program<Options>): Promise<void> {
  if ('usageError' in command) {
    process.stderr.write(`${name}: ${command.usageError}\n`);
    process.exitCode = 2;
  } else if ('print' in command) {
    process.stdout.write(command.print === 'version' ? `${version}\n` : help);
  } else {
    try {
      await run(command.run);
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    }
  }
}

/** Aborts on SIGTERM and SIGINT; a program that has not ended by the deadline is ended with exit code 1. */
export function stopSignal(log: Logger, clock: Clock): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping: labels and objects stay as they are');
      stop.abort();
      void clock.delay(STOP_DEADLINE_MS).then(() => {
        log.error({}, 'could not stop in time');
        process.exit(1);
      });
    });
  }
  return stop.signal;
}
