/** `cpuprofile import`: another program's dump or profile as a CpuSnapshot or CpuProfile. */
import { Option, type Command } from 'commander';
import { accept } from '../../profiles/make/accept.ts';
import { nameProblem, sizeProblem } from '../../profiles/make/limits.ts';
import { importFrom, IMPORT_SOURCES, type ImportSource } from '../../profiles/import/import-from.ts';
import type { ImportFile, Imported } from '../../profiles/import/imported.ts';
import { profileDataToWire } from '../../profiles/model/profile.ts';
import { VENDORS, type Vendor } from '../../profiles/model/registers.ts';
import { badInput, CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { originOf, readText } from '../input/documents.ts';
import { profileManifest, snapshotManifest, type Manifest } from '../output/manifest.ts';
import { printData } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withOutput, type OutputFlag } from './flags.ts';

interface ImportFlags extends OutputFlag {
  readonly from: ImportSource;
  readonly name?: string;
  readonly vendor?: Vendor;
}

/** `qemu:Skylake-Server-v2` instead of a file with the value of -cpu. */
const QEMU = 'qemu:';

export function addImport(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withOutput(program.command('import <file...>'), 'yaml')
    .description("turn another tool's dump or profile into a CpuSnapshot or CpuProfile")
    .addOption(
      new Option('--from <source>', 'what the files are').choices(IMPORT_SOURCES).makeOptionMandatory(),
    )
    .option('--name <name>', 'of the CpuProfile; a CpuSnapshot is named by its content')
    .addOption(new Option('--vendor <vendor>', 'where the files do not say it').choices(VENDORS))
    .addHelpText(
      'after',
      '\nFiles: cpuid: the output of cpuid -r; firecracker: a CPU fingerprint or a custom CPU template; cloud-hypervisor: the\n' +
        'CPUID and the MSR file of a profile; libvirt: <cpu>, <cpudata>, capabilities or a domain; qemu: the value of -cpu, or\n' +
        'qemu:MODEL. What the source does not tell is said on standard error. Exit code 1: the profile has lint errors.',
    )
    .action(async (paths: string[], flags: ImportFlags) => {
      const files = await Promise.all(paths.map((path) => readFile(path, flags.from)));
      // A profile of Cloud Hypervisor is a pair of files; everywhere else each file is a whole.
      const groups = flags.from === 'cloud-hypervisor' ? [files] : files.map((file) => [file]);
      const imported = groups.map((group) => read(group, flags));
      const manifests = imported.map((one) => toManifest(one, flags, imported.length));
      let code: ExitCode = EXIT.ok;
      imported.forEach((one, i) => {
        const prefix = imported.length === 1 ? '' : `${files[i]?.name ?? ''}: `;
        for (const line of one.notKnown) terminal.err(`${prefix}not known: ${line}\n`);
        if (one.kind === 'profile')
          for (const line of one.notes ?? []) terminal.err(`${prefix}note: ${line}\n`);
        if (one.kind === 'profile' && flags.name !== undefined) {
          const acceptance = accept(flags.name, { vendor: one.vendor, data: profileDataToWire(one.data) });
          if (acceptance.accepted) return;
          terminal.err(`${prefix}warning: as it stands no node runs it: ${acceptance.message}\n`);
          code = EXIT.no;
        }
      });
      const [first, ...others] = manifests;
      printData(
        terminal,
        flags.output === 'json' ? 'json' : 'yaml',
        others.length === 0 ? first : { apiVersion: 'v1', kind: 'List', items: manifests },
      );
      finish(code);
    });
}

async function readFile(path: string, source: ImportSource): Promise<ImportFile> {
  if (source === 'qemu' && path.startsWith(QEMU)) return { name: path, text: path.slice(QEMU.length) };
  return { name: originOf(path), text: await readText(path) };
}

function read(files: readonly ImportFile[], { from, vendor }: ImportFlags): Imported {
  try {
    return importFrom(from, files, { vendor });
  } catch (error) {
    throw badInput('import', error);
  }
}

function toManifest(imported: Imported, { name }: ImportFlags, count: number): Manifest<unknown> {
  if (imported.kind === 'snapshot') {
    if (name === undefined) return snapshotManifest(imported.snapshot);
    throw new CliFailure(
      EXIT.badInput,
      `--name ${name}: this is a CpuSnapshot, which is named by its content`,
    );
  }
  if (name === undefined)
    throw new CliFailure(EXIT.badInput, 'import: this is a CpuProfile: name it with --name');
  if (count > 1)
    throw new CliFailure(EXIT.badInput, `--name ${name}: names one profile, and there are ${count}`);
  const data = profileDataToWire(imported.data);
  const problem = nameProblem(name) ?? sizeProblem(data);
  if (problem !== undefined) throw badInput('import', problem);
  return profileManifest(name, { vendor: imported.vendor, data });
}
