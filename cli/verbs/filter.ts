/** `cpuprofile filter PROFILE`: the MSR filter of a profile, and what it says about single MSRs. */
import { Option, type Command } from 'commander';
import { FILTER_MODES, type FilterMode } from '../../profiles/model/profile.ts';
import { parseU32, toHex } from '../../profiles/model/numbers.ts';
import { compileFilter, type CompiledFilter } from '../../profiles/msr-filter/compile.ts';
import { filterDecision } from '../../profiles/msr-filter/decide.ts';
import { filterToWire } from '../../profiles/msr-filter/wire.ts';
import { badInput, CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { loadProfiles } from '../input/profiles.ts';
import { plural, printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withOutput, type OutputFlag } from './flags.ts';

interface FilterFlags extends OutputFlag {
  readonly mode?: FilterMode;
  readonly test?: string[];
  readonly context?: string;
  readonly kubeconfig?: string;
}

export function addFilter(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withOutput(program.command('filter <profile>'), 'table'))
    .description('the MSR filter as KVM_X86_SET_MSR_FILTER takes it')
    .addOption(new Option('--mode <mode>', "instead of the profile's own").choices(FILTER_MODES))
    .option('--test <index...>', 'say what happens to these MSRs')
    .action(async (name: string, flags: FilterFlags) => {
      const [named, second] = await loadProfiles([name], flags, terminal);
      if (named === undefined || second !== undefined)
        throw badInput(name, 'expected exactly one CpuProfile');
      const filter = (() => {
        try {
          return compileFilter({ ...named.profile, filter: flags.mode ?? named.profile.filter });
        } catch (error) {
          throw badInput(named.origin, error);
        }
      })();
      if (flags.test !== undefined) test(terminal, filter, flags.test, flags);
      else if (flags.output === 'table') terminal.out(summary(filter));
      else printData(terminal, flags.output, filterToWire(filter));
      finish(EXIT.ok);
    });
}

function test(
  terminal: Terminal,
  filter: CompiledFilter,
  indices: readonly string[],
  { output }: OutputFlag,
): void {
  const results = indices.map((text) => {
    const index = parseU32(text);
    if (index === undefined)
      throw new CliFailure(EXIT.badInput, `--test: "${text}" is not an MSR index such as 0x10a`);
    return {
      msr: toHex(index),
      read: filterDecision(filter, index, 'r'),
      write: filterDecision(filter, index, 'w'),
    };
  });
  if (output === 'table')
    terminal.out(
      table(
        ['MSR', 'READ', 'WRITE'],
        results.map(({ msr, read, write }) => [msr, read, write]),
      ),
    );
  else printData(terminal, output, { msrs: results });
}

function summary(filter: CompiledFilter): string {
  const { mode, ranges, allowed, notFilterable } = filterToWire(filter);
  if (mode === 'none') return 'mode none: no filter, a guest reaches whatever KVM emulates\n';
  const rest =
    mode === 'closed'
      ? 'everything else is denied'
      : 'what the tables forbid is denied, everything else is allowed';
  const rows = allowed.map(({ first, last, access }) => [first, last, access]);
  const gaps = notFilterable
    .map(({ first, last, why }) => `not filterable: ${first} to ${last}: ${why}\n`)
    .join('');
  return `mode ${mode}: ${plural(ranges.length, 'range')} for KVM; ${rest}\n\n${table(['FIRST', 'LAST', 'ACCESS'], rows)}\n${gaps}`;
}
