/** How large a profile may be: the object must still fit into `kubectl apply`'s annotation, its name into a label. */
import type { ProfileDataWire } from '../model/profile.ts';

export const MAX_CPUID_ENTRIES = 1024;
export const MAX_FEATURE_MSRS = 256;
export const MAX_REQUIRED_MSRS = 2048;
export const MAX_NAME = 41;

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Why `name` cannot name a profile; `undefined` when it can. */
export function nameProblem(name: string): string | undefined {
  if (name.length > MAX_NAME) {
    return `the name has ${name.length} characters; at most ${MAX_NAME} fit into the node label and the brand string`;
  }
  return DNS_LABEL.test(name)
    ? undefined
    : `the name "${name}" is not a DNS label: lower-case letters, digits and hyphens, beginning and ending with a letter or digit`;
}

/** Why inline data is too large, naming the list; `undefined` when it is not. */
export function sizeProblem(data: ProfileDataWire): string | undefined {
  const lists = [
    ['cpuid', data.cpuid.length, MAX_CPUID_ENTRIES],
    ['featureMsrs', data.featureMsrs?.length ?? 0, MAX_FEATURE_MSRS],
    ['requiredMsrs', data.requiredMsrs?.length ?? 0, MAX_REQUIRED_MSRS],
  ] as const;
  const over = lists.find(([, length, limit]) => length > limit);
  return over && `data.${over[0]} has ${over[1]} entries; at most ${over[2]} are allowed`;
}
