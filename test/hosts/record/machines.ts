/** What is recorded: two kernels on four emulated CPUs. */

export interface RecordedMachine {
  /** File below test/hosts, without `.json`. */
  readonly file: string;
  readonly kernel: '6.1' | '6.12';
  /** QEMU's -cpu. */
  readonly cpu: string;
}

// SVM and nested paging are off in QEMU's models by default; without them there is no kvm_amd.
const CPUS = {
  epyc: 'EPYC,+svm,+npt',
  'epyc-rome': 'EPYC-Rome,+svm,+npt',
  'epyc-rome-no-clwb': 'EPYC-Rome,+svm,+npt,-clwb',
  'epyc-milan': 'EPYC-Milan,+svm,+npt',
};

export const MACHINES: readonly RecordedMachine[] = (['6.1', '6.12'] as const).flatMap((kernel) =>
  Object.entries(CPUS).map(([name, cpu]) => ({ file: `linux-${kernel}-${name}`, kernel, cpu })),
);
