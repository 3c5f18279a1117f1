/** `cpuprofile check`: can these hosts honour those profiles. */
import type { Command } from 'commander';
import { check } from '../../profiles/verdict/check.ts';
import type { Verdict } from '../../profiles/model/finding.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { loadProfiles, type NamedProfile } from '../input/profiles.ts';
import { loadSnapshots, type NamedSnapshot } from '../input/snapshots.ts';
import { plural, printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withDevice, withOutput, type OutputFlag } from './flags.ts';

export interface CheckFlags extends OutputFlag {
  readonly snapshot?: string[];
  readonly device: string;
  readonly context?: string;
  readonly kubeconfig?: string;
}

interface Checked {
  readonly profile: NamedProfile;
  readonly snapshot: NamedSnapshot;
  readonly verdict: Verdict;
}

export function addCheck(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  verb(
    program,
    'check <profile...>',
    'verdicts with findings: exit 0 all Yes, 1 a No, 4 an Unknown and no No',
  ).action(async (profiles: string[], flags: CheckFlags) => {
    const checked = await checkAll(profiles, flags, terminal);
    if (flags.output === 'table') terminal.out(verdictTable(checked));
    else printData(terminal, flags.output, { verdicts: checked.map(toJson) });
    finish(exitCode(checked));
  });
}

const verb = (program: Command, usage: string, description: string): Command =>
  withCluster(withDevice(withOutput(program.command(usage), 'table')))
    .description(description)
    .option('--snapshot <file...>', 'the hosts; without it this machine');

async function checkAll(names: readonly string[], flags: CheckFlags, terminal: Terminal): Promise<Checked[]> {
  const profiles = await loadProfiles(names, flags, terminal);
  const snapshots = await loadSnapshots(flags.snapshot ?? [], flags, terminal);
  return profiles.flatMap((profile) =>
    snapshots.map((snapshot) => ({ profile, snapshot, verdict: check(profile.profile, snapshot.snapshot) })),
  );
}

const toJson = ({ profile, snapshot, verdict }: Checked) => ({
  profile: { name: profile.name, digest: profile.digest },
  snapshot: { name: snapshot.name },
  compatible: verdict.compatible,
  findings: verdict.findings,
});

function verdictTable(checked: readonly Checked[]): string {
  const rows = checked.map(({ profile, snapshot, verdict }) => {
    const [first] = verdict.findings;
    const more = verdict.findings.length - 1;
    const why =
      first === undefined
        ? ''
        : `${first.code}: ${first.message}${more > 0 ? ` (and ${plural(more, 'more finding')})` : ''}`;
    return [profile.name, snapshot.name, verdict.compatible, why];
  });
  return table(['PROFILE', 'SNAPSHOT', 'COMPATIBLE', 'FIRST FINDING'], rows);
}

export function exitCode(checked: readonly { readonly verdict: Verdict }[]): ExitCode {
  const verdicts = checked.map(({ verdict }) => verdict.compatible);
  if (verdicts.includes('No')) return EXIT.no;
  return verdicts.includes('Unknown') ? EXIT.unknown : EXIT.ok;
}
