/** `cpuprofile catalog [NAME]`: lists or prints shipped profiles. */
import type { Command } from 'commander';
import { catalogEntry, catalogSummaries, type CatalogSummary } from '../../profiles/catalog/catalog.ts';
import { abiLevelOf } from '../../profiles/make/abi-level.ts';
import { catalogProfiles, orderOf } from '../../profiles/make/catalog-order.ts';
import { unknownEntry } from '../../profiles/make/unknown-entry.ts';
import { profileDigest, type Profile } from '../../profiles/model/profile.ts';
import { VENDORS } from '../../profiles/model/registers.ts';
import { strength } from '../../profiles/verdict/strength.ts';
import { CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { profileManifest } from '../output/manifest.ts';
import { printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withOutput, type OutputFlag } from './flags.ts';

export function addCatalog(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withOutput(program.command('catalog [name]'), 'table')
    .description('list shipped profiles by vendor, age and strength, or print one')
    .addHelpText(
      'after',
      '\nBITS counts the CPUID and MSR bits that a host must have. With -o json each profile names those that it fits wherever they fit.',
    )
    .action((name: string | undefined, flags: OutputFlag) => {
      if (name === undefined) list(terminal, flags);
      else print(terminal, name, flags);
      finish(EXIT.ok);
    });
}

interface Listed {
  readonly summary: CatalogSummary;
  readonly profile: Profile;
  readonly bits: number;
}

/** By vendor, then by age, then by strength. */
function listed(profiles: ReadonlyMap<string, Profile>): Listed[] {
  return catalogSummaries()
    .flatMap((summary): Listed[] => {
      const profile = profiles.get(summary.name);
      return profile === undefined ? [] : [{ summary, profile, bits: strength(profile) }];
    })
    .sort(
      (left, right) =>
        VENDORS.indexOf(left.summary.vendor) - VENDORS.indexOf(right.summary.vendor) ||
        left.summary.year - right.summary.year ||
        left.bits - right.bits,
    );
}

function list(terminal: Terminal, { output }: OutputFlag): void {
  const profiles = catalogProfiles();
  const entries = listed(profiles);
  if (output === 'table') {
    const rows = entries.map(({ summary: { name, vendor, year, description }, profile, bits }) => [
      name,
      vendor,
      String(year),
      abiLevelOf(profile.data)?.replace('x86-64-', '') ?? '',
      String(bits),
      description,
    ]);
    terminal.out(table(['NAME', 'VENDOR', 'YEAR', 'LEVEL', 'BITS', 'DESCRIPTION'], rows));
    return;
  }
  const order = orderOf(profiles);
  printData(terminal, output, {
    profiles: entries.map(({ summary, profile, bits }) => ({
      name: summary.name,
      vendor: summary.vendor,
      year: summary.year,
      level: abiLevelOf(profile.data),
      bits,
      digest: profileDigest(profile),
      description: summary.description,
      source: summary.source,
      covers: summary.covers,
      fitsWhereverTheseFit: order.get(summary.name) ?? [],
    })),
  });
}

function print(terminal: Terminal, name: string, { output }: OutputFlag): void {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new CliFailure(EXIT.badInput, `catalog: ${unknownEntry(name)}`);
  const manifest = profileManifest(entry.name, { vendor: entry.vendor, data: entry.data });
  printData(terminal, output === 'json' ? 'json' : 'yaml', manifest);
}
