/** `cpuprofile explain PROFILE`: why a host can or cannot honour a profile, likely causes, and what would change the answer. */
import type { Command } from 'commander';
import { smallestChange, type Change } from '../../profiles/make/derive-change.ts';
import { causesOf } from '../../profiles/verdict/causes.ts';
import type { Evidence } from '../../profiles/verdict/causes-table.ts';
import { check } from '../../profiles/verdict/check.ts';
import { explain, wrap } from '../../profiles/verdict/explain.ts';
import { whyItMatters } from '../../profiles/verdict/explain-why.ts';
import type { ExitCode } from '../failure.ts';
import { loadProfiles, type NamedProfile } from '../input/profiles.ts';
import { loadSnapshots, type NamedSnapshot } from '../input/snapshots.ts';
import { printData } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { exitCode, type CheckFlags } from './check.ts';
import { withCluster, withDevice, withOutput } from './flags.ts';

export function addExplain(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withDevice(withOutput(program.command('explain <profile>'), 'table')))
    .description('why a host can or cannot honour a profile, bit by bit, and what would change the answer')
    .option('--snapshot <file...>', 'the hosts; without it this machine')
    .action(async (name: string, flags: CheckFlags) => {
      const profiles = await loadProfiles([name], flags, terminal);
      const snapshots = await loadSnapshots(flags.snapshot ?? [], flags, terminal);
      // Only of this machine is more known than what KVM offers.
      const evidence = flags.snapshot === undefined ? await thisMachine() : {};
      const explained = profiles.flatMap((profile) =>
        snapshots.map((snapshot) => explainOne(profile, snapshot, evidence)),
      );
      if (flags.output === 'table') terminal.out(`${explained.map(page).join('\n\n')}\n`);
      else printData(terminal, flags.output, { verdicts: explained.map(toJson) });
      finish(exitCode(explained));
    });
}

async function thisMachine(): Promise<Evidence> {
  const { readProvenance } = await import('../../node-agent/kvm/provenance.ts');
  return await readProvenance();
}

const explainOne = (profile: NamedProfile, snapshot: NamedSnapshot, evidence: Evidence) => {
  const verdict = check(profile.profile, snapshot.snapshot);
  return {
    profile,
    snapshot,
    verdict,
    evidence,
    change: smallestChange(profile.profile, snapshot.snapshot, verdict),
  };
};

type Explained = ReturnType<typeof explainOne>;

function page({ profile, snapshot, verdict, evidence, change }: Explained): string {
  const lines = explain(profile.name, snapshot.name, verdict, (finding) =>
    causesOf(finding, snapshot.snapshot, evidence),
  );
  return [
    ...lines,
    ...(change === undefined ? [] : ['', 'What would change the answer', ...changeLines(change)]),
  ].join('\n');
}

function changeLines({ options, filterNone, without, names, compatible, left }: Change): string[] {
  const steps = [
    ...options.map((option) => `options.${option}: false`),
    ...(filterNone ? ['filter.mode: none'] : []),
    ...(without.length === 0
      ? []
      : [
          `a profile without ${[...new Set(names)].join(', ')}: derive --without "${without.map((place) => place.replace(/^(CPUID|MSR) /, '')).join(',')}"`,
        ]),
  ];
  const rest = `${left.length} finding${left.length === 1 ? '' : 's'}`;
  const outcome =
    compatible === 'Yes'
      ? 'With that this host honours the profile.'
      : `With that ${rest} would be left, which only another host, kernel or profile can settle: ${[...new Set(left.map(({ name }) => name))].slice(0, 8).join(', ')}.`;
  return [...steps.flatMap((step) => wrap(`- ${step}`, '  ')), ...wrap(outcome, '  ')];
}

const toJson = ({ profile, snapshot, verdict, evidence, change }: Explained) => ({
  profile: { name: profile.name, digest: profile.digest },
  snapshot: { name: snapshot.name },
  compatible: verdict.compatible,
  findings: verdict.findings.map((finding) => ({
    ...finding,
    why: whyItMatters(finding),
    causes: causesOf(finding, snapshot.snapshot, evidence),
  })),
  ...(change && {
    change: {
      ...change,
      left: change.left.map(({ code, where, bits, name }) => ({ code, where, bits, name })),
    },
  }),
});
