/** `cpuprofile baseline NAME S…`: the greatest profile that all of several hosts can run, and who limits what. */
import type { Command } from 'commander';
import { accept } from '../../profiles/make/accept.ts';
import { baseline, type Baseline } from '../../profiles/make/baseline.ts';
import { explainBaseline, type BaselineExplanation } from '../../profiles/make/baseline-explain.ts';
import type { Limit } from '../../profiles/make/baseline-limits.ts';
import { nameProblem } from '../../profiles/make/limits.ts';
import { InputError } from '../../profiles/model/input-error.ts';
import { profileDataToWire, type ProfileOptions } from '../../profiles/model/profile.ts';
import { snapshotName } from '../../profiles/model/snapshot.ts';
import { CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { loadSnapshots, type NamedSnapshot } from '../input/snapshots.ts';
import { differenceTable, limitTable } from '../output/differences.ts';
import { profileManifest } from '../output/manifest.ts';
import { plural, printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withOutput, type OutputFlag } from './flags.ts';

interface BaselineFlags extends OutputFlag {
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly nested: boolean;
  readonly amx: boolean;
  readonly hyperv: boolean;
  readonly explain: boolean;
}

export function addBaseline(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withOutput(program.command('baseline <name> <snapshot...>'), 'yaml'))
    .description('make the greatest CpuProfile that all of several hosts can run, and say who limits what')
    .option('--nested', 'keep nested virtualization', false)
    .option('--amx', 'keep AMX', false)
    .option('--hyperv', 'keep the Hyper-V MSRs', false)
    .option('--explain', 'rank hosts and features by what they cost', false)
    .action(async (name: string, files: string[], flags: BaselineFlags) => {
      const problem = nameProblem(name);
      if (problem !== undefined) throw new CliFailure(EXIT.badInput, `baseline: ${problem}`);
      const members = await loadSnapshots(files, { ...flags, device: '' }, terminal);
      const { nested, amx, hyperv } = flags;
      print(make(name, members, { nested, amx, hyperv }, flags.explain), flags, terminal);
      finish(EXIT.ok);
    });
}

interface Made {
  readonly name: string;
  readonly result: Baseline;
  readonly explanation: BaselineExplanation | undefined;
  /** What the user calls a snapshot: the name in its file. */
  readonly nameOf: (snapshot: string) => string;
}

function make(
  name: string,
  members: readonly NamedSnapshot[],
  options: ProfileOptions,
  explain: boolean,
): Made {
  const names = new Map(members.map((member) => [snapshotName(member.snapshot), member.name]));
  const nameOf = (snapshot: string): string => names.get(snapshot) ?? snapshot;
  try {
    const snapshots = members.map(({ snapshot }) => snapshot);
    const result = baseline(name, snapshots, options);
    const data = profileDataToWire(result.data);
    const acceptance = accept(name, { vendor: result.vendor, data });
    if (!acceptance.accepted) throw new InputError('', acceptance.message);
    const explanation = explain ? explainBaseline(name, snapshots, options, result) : undefined;
    return { name, result, explanation, nameOf };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const said = [...names].reduce((text, [digest, given]) => text.replaceAll(digest, given), error.message);
    throw new CliFailure(EXIT.badInput, `baseline: ${said}`, { cause: error });
  }
}

function print(
  { name, result, explanation, nameOf }: Made,
  { output }: BaselineFlags,
  terminal: Terminal,
): void {
  const { vendor, data, limitedBy, warnings } = result;
  const manifest = profileManifest(name, { vendor, data: profileDataToWire(data) });
  const named = <T extends { readonly snapshots: readonly string[] }>(each: T): T => ({
    ...each,
    snapshots: each.snapshots.map(nameOf),
  });
  if (output === 'json') {
    printData(terminal, 'json', {
      profile: manifest,
      limitedBy: limitedBy.map(named),
      warnings,
      ...(explanation && {
        explanation: {
          hosts: explanation.hosts.map((host) => ({ ...host, snapshot: nameOf(host.snapshot) })),
          features: explanation.features.map(named),
          without: named(explanation.without),
        },
      }),
    });
    return;
  }
  // The limits are for a person: beside the manifest, or alone as a table.
  const report = (text: string): void => {
    if (output === 'table') terminal.out(text);
    else terminal.err(text);
  };
  if (output === 'yaml') printData(terminal, 'yaml', manifest);
  for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
  report(explanation === undefined ? limitPage(limitedBy, nameOf) : explanationPage(explanation, nameOf));
}

const limitPage = (limits: readonly Limit[], nameOf: Made['nameOf']): string =>
  limits.length === 0 ? 'nothing limits any of these hosts\n' : limitTable(limits, nameOf);

function explanationPage({ hosts, features, without }: BaselineExplanation, nameOf: Made['nameOf']): string {
  const ranking = table(
    ['HOST', 'BITS IT ALONE COSTS', 'TOGETHER WITH OTHERS'],
    hosts.map(({ snapshot, alone, together }) => [nameOf(snapshot), String(alone), String(together)]),
  );
  const removed = without.snapshots.map(nameOf).join(', ');
  const gains =
    without.problem === undefined
      ? `without ${removed} the pool would gain ${plural(without.gains.length, 'field')}:\n${differenceTable(without.gains, 'NOW', 'THEN')}`
      : `without ${removed} there is no common profile: ${without.problem}\n`;
  return [ranking, limitPage(features, nameOf), ...(removed === '' ? [] : [gains])].join('\n');
}
