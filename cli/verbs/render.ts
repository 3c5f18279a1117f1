/** `cpuprofile render PROFILE --dir DIR`: the files of the ConfigMap, with the fidelity report. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { FORMATS } from '../../crds/fields.ts';
import { renderFiles } from '../../profiles/formats/render.ts';
import { badInput, CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { loadProfiles } from '../input/profiles.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster } from './flags.ts';

interface RenderFlags {
  readonly format?: (typeof FORMATS)[number][];
  readonly dir: string;
  readonly context?: string;
  readonly kubeconfig?: string;
}

export function addRender(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(program.command('render <profile>'))
    .description('write the files that VMMs read')
    .addOption(new Option('--format <format...>', 'only these; without it all').choices(FORMATS))
    .requiredOption('--dir <dir>', 'where the files go; made when it is missing')
    .action(async (name: string, flags: RenderFlags) => {
      const [named, second] = await loadProfiles([name], flags, terminal);
      if (named === undefined || second !== undefined)
        throw badInput(name, 'expected exactly one CpuProfile');
      const files = (() => {
        try {
          return renderFiles({ profile: named.profile, digest: named.digest }, flags.format);
        } catch (error) {
          throw badInput(named.origin, error);
        }
      })();
      await writeAll(flags.dir, files);
      for (const file of Object.keys(files)) terminal.out(`${join(flags.dir, file)}\n`);
      finish(EXIT.ok);
    });
}

/** Each file appears whole or not at all: written beside its name, then renamed. */
async function writeAll(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  const pending: string[] = [];
  try {
    await mkdir(dir, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      const temporary = join(dir, `.${name}.partial`);
      pending.push(temporary);
      await writeFile(temporary, content);
    }
    for (const name of Object.keys(files)) await rename(join(dir, `.${name}.partial`), join(dir, name));
  } catch (error) {
    await Promise.all(pending.map((file) => rm(file, { force: true })));
    throw new CliFailure(
      EXIT.badInput,
      `--dir ${dir}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
