/** `cpuprofile catalog [NAME]`: lists or prints shipped profiles. */
import type { Command } from 'commander';
import { catalogEntry, catalogNames } from '../../profiles/catalog/catalog.ts';
import { accept } from '../../profiles/make/accept.ts';
import { CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { profileManifest } from '../output/manifest.ts';
import { withOutput, type OutputFlag } from './flags.ts';

export function addCatalog(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withOutput(program.command('catalog [name]'), 'table')
    .description('list or print shipped profiles')
    .action((name: string | undefined, flags: OutputFlag) => {
      if (name === undefined) list(terminal, flags);
      else print(terminal, name, flags);
      finish(EXIT.ok);
    });
}

function list(terminal: Terminal, { output }: OutputFlag): void {
  const entries = catalogNames().flatMap((name) => {
    const entry = catalogEntry(name);
    const acceptance = accept(name, { vendor: entry?.vendor ?? 'intel', catalog: name });
    if (entry === undefined || !acceptance.accepted) return [];
    const { name: entryName, vendor, description, source } = entry;
    return [{ name: entryName, vendor, digest: acceptance.digest, description, source }];
  });
  if (output !== 'table') {
    printData(terminal, output, { profiles: entries });
    return;
  }
  const rows = entries.map(({ name, vendor, digest, description }) => [
    name,
    vendor,
    digest.slice(7, 23),
    description,
  ]);
  terminal.out(table(['NAME', 'VENDOR', 'DIGEST', 'DESCRIPTION'], rows));
}

function print(terminal: Terminal, name: string, { output }: OutputFlag): void {
  const entry = catalogEntry(name);
  if (entry === undefined) {
    throw new CliFailure(
      EXIT.badInput,
      `catalog: no profile "${name}"; there are ${catalogNames().join(', ')}`,
    );
  }
  const manifest = profileManifest(entry.name, { vendor: entry.vendor, data: entry.data });
  printData(terminal, output === 'json' ? 'json' : 'yaml', manifest);
}
