/** `cpuprofile generate NAME`: a CpuProfile from what one host offers. */
import type { Command } from 'commander';
import { accept } from '../../profiles/make/accept.ts';
import { generate } from '../../profiles/make/generate.ts';
import { profileDataToWire } from '../../profiles/model/profile.ts';
import { MAX_PROFILE_NAME } from '../../crds/cpu-profile.ts';
import { badInput, CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { loadSnapshots } from '../input/snapshots.ts';
import { profileManifest } from '../output/manifest.ts';
import { printData } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withCluster, withDevice, withOutput, type OutputFlag } from './flags.ts';

interface GenerateFlags extends OutputFlag {
  readonly snapshot?: string;
  readonly device: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly nested: boolean;
  readonly amx: boolean;
  readonly hyperv: boolean;
  readonly strict: boolean;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

export function addGenerate(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withCluster(withDevice(withOutput(program.command('generate <name>'), 'yaml')))
    .description('make a CpuProfile from what one host offers')
    .option('--snapshot <file>', 'the host; without it this machine')
    .option('--nested', 'keep nested virtualization', false)
    .option('--amx', 'keep AMX', false)
    .option('--hyperv', 'keep the Hyper-V MSRs', false)
    .option('--strict', 'an MSR that no table knows ends with exit code 1', false)
    .action(async (name: string, flags: GenerateFlags) => {
      if (!DNS_LABEL.test(name) || name.length > MAX_PROFILE_NAME) {
        throw new CliFailure(
          EXIT.badInput,
          `generate: "${name}" is not a profile name: at most ${MAX_PROFILE_NAME} lower-case letters, digits and hyphens`,
        );
      }
      const [source] = await loadSnapshots(
        flags.snapshot === undefined ? [] : [flags.snapshot],
        flags,
        terminal,
      );
      if (source === undefined)
        throw new CliFailure(EXIT.badInput, `${flags.snapshot ?? ''}: holds no CpuSnapshot`);
      const { nested, amx, hyperv } = flags;
      const made = (() => {
        try {
          return generate(name, source.snapshot, { nested, amx, hyperv });
        } catch (error) {
          throw badInput(source.origin, error);
        }
      })();
      for (const warning of made.warnings) terminal.err(`warning: ${warning}\n`);
      const data = profileDataToWire(made.data);
      const acceptance = accept(name, { vendor: made.vendor, data });
      if (!acceptance.accepted) throw badInput(source.origin, acceptance.message);
      printData(
        terminal,
        flags.output === 'json' ? 'json' : 'yaml',
        profileManifest(name, { vendor: made.vendor, data }),
      );
      finish(flags.strict && made.warnings.length > 0 ? EXIT.no : EXIT.ok);
    });
}
