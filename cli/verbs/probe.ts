/** `cpuprofile probe`: what KVM on this machine offers to guests, as a CpuSnapshot. */
import type { Command } from 'commander';
import { bitsOf } from '../../profiles/model/numbers.ts';
import type { Snapshot } from '../../profiles/model/snapshot.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { probeDevice } from '../input/snapshots.ts';
import { snapshotManifest } from '../output/manifest.ts';
import { printData, table } from '../output/print.ts';
import type { Terminal } from '../terminal.ts';
import { withDevice, withOutput, type OutputFlag } from './flags.ts';

export function addProbe(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  withDevice(withOutput(program.command('probe'), 'yaml'))
    .description('print the CpuSnapshot of this machine: what KVM offers to guests')
    .action(async (flags: OutputFlag & { device: string }) => {
      const snapshot = await probeDevice(flags.device);
      if (flags.output === 'table') terminal.out(summary(snapshot));
      else printData(terminal, flags.output, snapshotManifest(snapshot));
      finish(EXIT.ok);
    });
}

function summary(snapshot: Snapshot): string {
  const set = snapshot.cpuid.reduce(
    (sum, { eax, ebx, ecx, edx }) =>
      sum + [eax, ebx, ecx, edx].reduce((bits, word) => bits + bitsOf(word).length, 0),
    0,
  );
  const { msrFilter, userSpaceMsr, nested } = snapshot.capabilities;
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  return table(
    ['WHAT', 'VALUE'],
    [
      ['snapshot', snapshotManifest(snapshot).metadata.name],
      ['vendor', snapshot.vendor],
      ['CPUID entries', `${snapshot.cpuid.length} (${set} bits set)`],
      ['feature MSRs', String(snapshot.featureMsrs?.length ?? 'not observed')],
      ['MSR index list', String(snapshot.msrIndices?.length ?? 'not observed')],
      ['MSR filter', yes(msrFilter)],
      ['user-space MSR exits', yes(userSpaceMsr)],
      ['nested virtualization', yes(nested)],
    ],
  );
}
