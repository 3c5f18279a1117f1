/** `cpuprofile derive NAME PROFILE --without F,…`: a new profile with features taken away, and what depends on them. */
import type { Command } from 'commander';
import { accept } from '../../profiles/make/accept.ts';
import { derive, type Removal } from '../../profiles/make/derive.ts';
import { nameProblem } from '../../profiles/make/limits.ts';
import { profileDataToWire } from '../../profiles/model/profile.ts';
import { badInput, CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { loadProfiles } from '../input/profiles.ts';
import { placeColumn } from '../output/differences.ts';
import { profileManifest } from '../output/manifest.ts';
import { printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withOutput, type OutputFlag } from './flags.ts';

interface DeriveFlags extends OutputFlag {
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly without: readonly string[];
}

/** Commas between bits, as in `7.0:EBX[16,17]`, do not part names. */
const split = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text
    .split(/,(?![^[]*\])/)
    .map((name) => name.trim())
    .filter((name) => name !== ''),
];

export function addDerive(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withOutput(program.command('derive <name> <profile>'), 'yaml'))
    .description('make a CpuProfile of another one, with features taken away')
    .requiredOption('--without <features>', 'names or places such as avx512f,FB_CLEAR,7.0:EDX[26]', split)
    .action(async (name: string, source: string, flags: DeriveFlags) => {
      const problem = nameProblem(name);
      if (problem !== undefined) throw new CliFailure(EXIT.badInput, `derive: ${problem}`);
      if (flags.without.length === 0) throw new CliFailure(EXIT.badInput, 'derive: --without names nothing');
      const [named, second] = await loadProfiles([source], flags, terminal);
      if (named === undefined || second !== undefined)
        throw badInput(source, 'expected exactly one CpuProfile');
      const { profile, removed, notes } = (() => {
        try {
          return derive(named.profile, flags.without, name);
        } catch (error) {
          throw badInput(named.origin, error);
        }
      })();
      const { vendor, filter } = profile;
      const spec = {
        vendor,
        data: profileDataToWire(profile.data),
        ...(filter !== 'closed' && { filter: { mode: filter } }),
      };
      const acceptance = accept(name, spec);
      if (!acceptance.accepted) throw badInput(`derive: ${name}`, acceptance.message);
      for (const note of notes) terminal.err(`note: ${note}\n`);
      if (flags.output === 'table') terminal.out(removalTable(removed));
      else printData(terminal, flags.output, profileManifest(name, spec));
      finish(EXIT.ok);
    });
}

const removalTable = (removed: readonly Removal[]): string =>
  table(
    ['TAKEN AWAY', 'WHERE', 'CLASS', 'WITH'],
    removed.map((each) => [each.name, placeColumn(each), each.class, each.because ?? '']),
  );
