/** Parameters of the loaded KVM modules: they decide what guests get as much as the silicon does. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Longest value that the NodeCpu object takes. */
const MAX_TEXT = 64;

/**
 * The parameters that change what a guest can see, the vendor's module first; at most 32 can be there at once. Left out
 * are the knobs of speed, logging and memory. Source: Linux arch/x86/kvm/{x86,vmx/vmx,vmx/nested,svm/svm,svm/sev}.c.
 */
const PARAMETERS = {
  kvm_intel: [
    'nested',
    'allow_smaller_maxphyaddr',
    'emulate_invalid_guest_state',
    'enable_apicv',
    'enable_device_posted_irqs',
    'enable_ipiv',
    'enable_shadow_vmcs',
    'ept',
    'eptad',
    'flexpriority',
    'nested_early_check',
    'pml',
    'pt_mode',
    'sgx',
    'tdx',
    'unrestricted_guest',
    'vnmi',
    'vpid',
  ],
  kvm_amd: [
    'nested',
    'avic',
    'debug_swap',
    'intercept_smi',
    'lbrv',
    'npt',
    'nrips',
    'sev',
    'sev_es',
    'sev_snp',
    'tsc_scaling',
    'vgif',
    'vls',
    'vnmi',
  ],
  kvm: ['enable_pmu', 'enable_vmware_backdoor', 'ignore_msrs', 'mitigate_smt_rsb'],
} as const;

/**
 * `{"kvm_amd.nested": "1", …}` from /sys/module below `root`. Parameters that are not there or cannot be read are
 * absent; `undefined` when there is none.
 */
export async function moduleParameters(root = '/'): Promise<Record<string, string> | undefined> {
  const result: Record<string, string> = {};
  for (const [module, parameters] of Object.entries(PARAMETERS)) {
    for (const parameter of parameters) {
      const value = await text(join(root, 'sys/module', module, 'parameters', parameter));
      if (value !== undefined) result[`${module}.${parameter}`] = value.slice(0, MAX_TEXT);
    }
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

/** Whether the module of this CPU's vendor nests. Only one of the two can be loaded. */
export async function nestedParameter(root = '/'): Promise<boolean> {
  for (const module of ['kvm_intel', 'kvm_amd']) {
    const value = await text(join(root, 'sys/module', module, 'parameters/nested'));
    if (value !== undefined) return value === 'Y' || value === '1';
  }
  return false;
}

async function text(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
