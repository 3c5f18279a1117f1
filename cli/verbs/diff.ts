/** `cpuprofile diff A B`: what two profiles show, or two hosts offer, differently. */
import type { Command } from 'commander';
import type { Difference } from '../../profiles/make/diff-fields.ts';
import { diffProfiles } from '../../profiles/make/diff-profiles.ts';
import { diffSnapshots } from '../../profiles/make/diff-snapshots.ts';
import { CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { loadComparable, type Comparable } from '../input/comparable.ts';
import { differenceTable } from '../output/differences.ts';
import { printData } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withOutput, type OutputFlag } from './flags.ts';

interface DiffFlags extends OutputFlag {
  readonly context?: string;
  readonly kubeconfig?: string;
}

export function addDiff(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withOutput(program.command('diff <left> <right>'), 'table'))
    .description(
      'what two profiles or two snapshots have different, by name and bit: exit 1 when anything is',
    )
    .action(async (first: string, second: string, flags: DiffFlags) => {
      if (first === '-' && second === '-')
        throw new CliFailure(EXIT.badInput, 'diff: standard input can be only one of the two');
      const left = await loadComparable(first, flags, terminal);
      const right = await loadComparable(second, flags, terminal);
      const differences = compare(left, right);
      if (flags.output === 'table') {
        terminal.out(
          differences.length === 0 ? 'no difference\n' : differenceTable(differences, left.name, right.name),
        );
      } else {
        const side = ({ kind, name }: Comparable) => ({ kind, name });
        printData(terminal, flags.output, { left: side(left), right: side(right), differences });
      }
      finish(differences.length === 0 ? EXIT.ok : EXIT.no);
    });
}

function compare(left: Comparable, right: Comparable): Difference[] {
  if (left.kind === 'CpuProfile' && right.kind === 'CpuProfile')
    return diffProfiles(left.profile, right.profile);
  if (left.kind === 'CpuSnapshot' && right.kind === 'CpuSnapshot')
    return diffSnapshots(left.snapshot, right.snapshot);
  throw new CliFailure(
    EXIT.badInput,
    `diff: ${left.name} is a ${left.kind} and ${right.name} a ${right.kind}; check compares a profile with a host`,
  );
}
