/** `cpuprofile`, also `kubectl cpuprofile`: the same probe, verdict, profile and filter as the cluster's, from the shell. */
import { Command, CommanderError } from 'commander';
import { CliFailure, EXIT, type ExitCode } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { addCatalog } from './verbs/catalog.ts';
import { addCheck, addExplain } from './verbs/check.ts';
import { addFilter } from './verbs/filter.ts';
import { addGenerate } from './verbs/generate.ts';
import { addLint } from './verbs/lint.ts';
import { addProbe } from './verbs/probe.ts';
import { addRender } from './verbs/render.ts';

const terminal: Terminal = {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

let exitCode: ExitCode = EXIT.ok;
const finish = (code: ExitCode): void => {
  exitCode = code;
};

const program = new Command('cpuprofile')
  .description('CPU profiles for KVM: what a guest may see, and which hosts can honour it')
  .version((globalThis as { __VERSION__?: string }).__VERSION__ ?? 'source')
  .addHelpText(
    'after',
    "\nA PROFILE is a manifest file, catalog:NAME, or with --context or --kubeconfig an object's name; - reads standard input.\nExit codes: 0 yes or done, 1 a clear no, 2 bad usage or input, 3 the environment is missing something, 4 unknown.",
  )
  .exitOverride()
  .configureOutput({
    outputError: (text, write) => {
      write(`${oneLine(text.replace(/^error: /, 'cpuprofile: ').trim())}\n`);
    },
  });
for (const add of [addProbe, addCatalog, addGenerate, addCheck, addExplain, addLint, addRender, addFilter]) {
  add(program, terminal, finish);
}
for (const command of program.commands) command.copyInheritedSettings(program);

// A reader that closes the pipe early (`| head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

try {
  await program.parseAsync();
  process.exitCode = exitCode;
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version were asked for; everything else is wrong usage.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  } else if (error instanceof CliFailure) {
    terminal.err(`cpuprofile: ${oneLine(error.message)}\n`);
    process.exitCode = error.exitCode;
  } else {
    // A bug. Its exit code must not be taken for a "no".
    terminal.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT.bug;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
