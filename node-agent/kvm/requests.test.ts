import { expect, test } from 'vitest';
import * as requests from './requests.ts';

// As strace and the kernel's own headers give them on x86-64.
test.each([
  ['KVM_GET_API_VERSION', 0xae00],
  ['KVM_CREATE_VM', 0xae01],
  ['KVM_GET_MSR_INDEX_LIST', 0xc004ae02],
  ['KVM_CHECK_EXTENSION', 0xae03],
  ['KVM_GET_SUPPORTED_CPUID', 0xc008ae05],
  ['KVM_GET_MSR_FEATURE_INDEX_LIST', 0xc004ae0a],
  ['KVM_GET_MSRS', 0xc008ae88],
  ['KVM_X86_SET_MSR_FILTER', 0x4188aec6],
] as const)('%s is the number the kernel knows', (name, number) => {
  expect(requests[name]).toBe(number);
});
