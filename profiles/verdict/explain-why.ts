/** Why a finding matters, in one sentence: what would happen to a guest of the profile on this host. */
import type { Finding } from '../model/finding.ts';

export function whyItMatters({ code, class: class_, severity, relation }: Finding): string {
  if (severity === 'note') return 'Nothing changes for guests.';
  switch (code) {
    case 'VendorMismatch':
      return 'Kernels choose code by vendor when they boot; a guest cannot change it later.';
    case 'NotObserved':
      return 'Without an observation nobody can promise the guest anything.';
    case 'CapabilityMissing':
      return 'KVM refuses to start the guest as the profile asks, or cannot keep from it what the profile keeps.';
    case 'FeatureMsrMissing':
    case 'RequiredMsrMissing':
      return 'KVM neither restores nor saves the register: state is lost when the guest moves, or its access faults.';
    case 'CpuidEntryMissing':
    case 'CpuidBitsMissing':
    case 'MsrBitsMissing':
      return MISSING[class_];
    case 'CpuidBitsUnwanted':
    case 'MsrBitsUnwanted':
      return class_ === 'mitigation'
        ? 'The guest decided when it booted that it need not defend itself, and keeps to that here.'
        : 'The guest counts on being free to leave a control off, and the CPU insists on it here.';
    case 'CpuidValueTooLow':
    case 'MsrValueTooLow':
      return 'The guest uses leaves, versions or counts up to the value that it saw when it booted.';
    case 'CpuidValueDiffers':
    case 'MsrValueDiffers':
      return relation === 'equal' && class_ === 'mitigation'
        ? 'Nobody knows what these bits promise, so a guest may rely on either value.'
        : 'The guest lays out saved state by this value; another one corrupts it silently.';
    case 'FbClearTolerated':
      return 'Nothing changes for guests.';
  }
}

const MISSING: Readonly<Record<Finding['class'], string>> = {
  isa: 'A program that chose its instructions when it started gets an invalid-opcode fault at the first of them.',
  mitigation:
    'The guest believes in a protection that this CPU or kernel does not give, and leaves its own out.',
  virtualization:
    'A hypervisor inside the guest uses a control that is not there: its virtual machines fail to enter.',
  paravirt: 'The guest goes on calling an interface of KVM that this kernel does not answer.',
  topology: 'The guest keeps to a topology or power interface that is not there.',
  identity: 'The guest keeps to an identity that this host cannot show.',
};
