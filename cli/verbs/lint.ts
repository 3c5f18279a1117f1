/** `cpuprofile lint PROFILE…`: is a profile consistent in itself. */
import type { Command } from 'commander';
import type { LintFinding } from '../../profiles/verdict/lint.ts';
import { badInput, EXIT, type ExitCode } from '../failure.ts';
import { acceptSpec, loadSpecs } from '../input/profiles.ts';
import { printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withOutput, type OutputFlag } from './flags.ts';
import { placeText } from '../output/place.ts';

interface Linted {
  readonly profile: string;
  readonly accepted: boolean;
  readonly reason: string;
  readonly message: string;
  readonly findings: readonly LintFinding[];
}

export function addLint(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withOutput(program.command('lint <profile...>'), 'table'))
    .description('consistency rules: exit 1 when one is broken')
    .action(async (names: string[], flags: OutputFlag & { context?: string; kubeconfig?: string }) => {
      const linted = (await loadSpecs(names, flags, terminal)).map((named): Linted => {
        const acceptance = acceptSpec(named);
        // Not a profile at all: there is nothing to lint.
        if (!acceptance.accepted && acceptance.findings.length === 0)
          throw badInput(named.origin, acceptance.message);
        const { accepted } = acceptance;
        return accepted
          ? { profile: named.name, accepted, reason: 'Accepted', message: '', findings: acceptance.notes }
          : {
              profile: named.name,
              accepted,
              reason: acceptance.reason,
              message: acceptance.message,
              findings: acceptance.findings,
            };
      });
      if (flags.output === 'table') terminal.out(page(linted));
      else printData(terminal, flags.output, { profiles: linted });
      finish(linted.every(({ accepted }) => accepted) ? EXIT.ok : EXIT.no);
    });
}

function page(linted: readonly Linted[]): string {
  const rows = linted.flatMap(({ profile, accepted, reason, message, findings }) => {
    const lines = findings.map((finding) => [
      profile,
      finding.severity,
      finding.code,
      placeText(finding.where),
      finding.message,
    ]);
    if (accepted && lines.length === 0) return [[profile, 'ok', '', '', 'no findings']];
    return accepted || lines.length > 0 ? lines : [[profile, 'error', reason, '', message]];
  });
  return table(['PROFILE', 'SEVERITY', 'CODE', 'WHERE', 'MESSAGE'], rows);
}
