/** `cpuprofile`, also `kubectl cpuprofile`: the same probe, verdict, profile and filter as the cluster's, from the shell. */
import { Command, CommanderError } from 'commander';
import { CliFailure, EXIT, type ExitCode } from './failure.ts';
import type { Terminal } from './terminal.ts';

type AddVerb = (program: Command, terminal: Terminal, finish: (code: ExitCode) => void) => void;

/** Each verb is loaded when it is asked for: a short-lived program must not pay for what the others need. */
const VERBS: Readonly<Record<string, () => Promise<AddVerb>>> = {
  probe: async () => (await import('./verbs/probe.ts')).addProbe,
  catalog: async () => (await import('./verbs/catalog.ts')).addCatalog,
  generate: async () => (await import('./verbs/generate.ts')).addGenerate,
  baseline: async () => (await import('./verbs/baseline.ts')).addBaseline,
  derive: async () => (await import('./verbs/derive.ts')).addDerive,
  check: async () => (await import('./verbs/check.ts')).addCheck,
  explain: async () => (await import('./verbs/explain.ts')).addExplain,
  diff: async () => (await import('./verbs/diff.ts')).addDiff,
  lint: async () => (await import('./verbs/lint.ts')).addLint,
  render: async () => (await import('./verbs/render.ts')).addRender,
  filter: async () => (await import('./verbs/filter.ts')).addFilter,
  import: async () => (await import('./verbs/import.ts')).addImport,
};

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

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
const asked = process.argv[2] ?? '';
// Help, a typing error and the like need them all.
const load = Object.hasOwn(VERBS, asked) ? [VERBS[asked]] : Object.values(VERBS);
for (const verb of load) (await verb?.())?.(program, terminal, finish);
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
  // Names out of hostile files must not move a terminal's cursor.
  return text.replace(/\s*\n\s*/g, ' ').replaceAll(CONTROL, '?');
}
