/** Options that several verbs share. */
import { Option, type Command } from 'commander';
import { OUTPUTS, type Output } from '../output/print.ts';

export interface OutputFlag {
  readonly output: Output;
}

export interface SnapshotFlags {
  readonly snapshot?: readonly string[];
  readonly device: string;
}

export const withOutput = (command: Command, fallback: Output): Command =>
  command.addOption(
    new Option('-o, --output <format>', 'how results are printed').choices(OUTPUTS).default(fallback),
  );

export const withCluster = (command: Command): Command =>
  command
    .option('--context <name>', 'take names as objects of this kubeconfig context')
    .option('--kubeconfig <file>', 'take names as objects of the cluster of this kubeconfig');

export const withDevice = (command: Command): Command =>
  command.option('--device <path>', 'KVM device that is asked where no snapshot is given', '/dev/kvm');
