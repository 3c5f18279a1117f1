/** `cpuprofile lint PROFILE…`: is a profile consistent in itself. */
import type { Command } from 'commander';
import type { Profile } from '../../profiles/model/profile.ts';
import { snapshotName } from '../../profiles/model/snapshot.ts';
import type { LintFinding } from '../../profiles/verdict/lint.ts';
import { immunityClaims, type ImmunityClaim } from '../../profiles/verdict/lint-immunity.ts';
import { badInput, EXIT, type ExitCode } from '../failure.ts';
import { acceptSpec, loadSpecs } from '../input/profiles.ts';
import { loadSnapshots, type NamedSnapshot } from '../input/snapshots.ts';
import { printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withOutput, type OutputFlag } from './flags.ts';
import { placeCell } from '../output/place.ts';

interface Linted {
  readonly profile: string;
  readonly accepted: boolean;
  readonly reason: string;
  readonly message: string;
  readonly findings: readonly LintFinding[];
  /** Only with --snapshot: what the profile claims about hardware defects and one of these hosts contradicts. */
  readonly security?: readonly ImmunityClaim[];
}

interface LintFlags extends OutputFlag {
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly snapshot?: string[];
}

export function addLint(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withOutput(program.command('lint <profile...>'), 'table'))
    .description('consistency rules: exit 1 when one is broken')
    .option(
      '--snapshot <file...>',
      'hosts that the profile is for: claims about defects that they contradict',
    )
    .action(async (names: string[], flags: LintFlags) => {
      const hosts = await hostsOf(flags, terminal);
      const linted = (await loadSpecs(names, flags, terminal)).map((named): Linted => {
        const acceptance = acceptSpec(named);
        // Not a profile at all: there is nothing to lint.
        if (!acceptance.accepted && acceptance.findings.length === 0)
          throw badInput(named.origin, acceptance.message);
        const { accepted } = acceptance;
        return accepted
          ? {
              profile: named.name,
              accepted,
              reason: 'Accepted',
              message: '',
              findings: acceptance.notes,
              ...(hosts && { security: claimsOf(acceptance.profile, hosts) }),
            }
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
      const fine = linted.every(({ accepted, security = [] }) => accepted && security.length === 0);
      finish(fine ? EXIT.ok : EXIT.no);
    });
}

async function hostsOf(flags: LintFlags, terminal: Terminal): Promise<NamedSnapshot[] | undefined> {
  return flags.snapshot && (await loadSnapshots(flags.snapshot, { ...flags, device: '' }, terminal));
}

/** The claims, with the hosts called as their files call them. */
function claimsOf(profile: Profile, hosts: readonly NamedSnapshot[]): ImmunityClaim[] {
  const names = new Map(hosts.map(({ name, snapshot }) => [snapshotName(snapshot), name]));
  const claims = immunityClaims(
    profile,
    hosts.map(({ snapshot }) => snapshot),
  );
  return claims.map((claim) => ({
    ...claim,
    snapshots: claim.snapshots.map((name) => names.get(name) ?? name),
    message: [...names].reduce((text, [digest, name]) => text.replaceAll(digest, name), claim.message),
  }));
}

function page(linted: readonly Linted[]): string {
  const rows = linted.flatMap(({ profile, accepted, reason, message, findings, security = [] }) => {
    const lines = [...security, ...findings].map((finding) => [
      profile,
      finding.severity,
      finding.code,
      placeCell(finding.where),
      finding.message,
    ]);
    if (accepted && lines.length === 0) return [[profile, 'ok', '', '', 'no findings']];
    return accepted || lines.length > 0 ? lines : [[profile, 'error', reason, '', message]];
  });
  return table(['PROFILE', 'SEVERITY', 'CODE', 'WHERE', 'MESSAGE'], rows);
}
