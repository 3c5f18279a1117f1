import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { errnoName, ioctlError, openError } from './errors.ts';

test.each([
  ['ENOENT', 'DeviceMissing'],
  ['ENOTDIR', 'DeviceMissing'],
  ['ENODEV', 'DeviceMissing'],
  ['ENXIO', 'DeviceMissing'],
  ['EPERM', 'DeviceBlocked'],
  ['EACCES', 'DeviceDenied'],
  ['EISDIR', 'NotKvm'],
  ['EMFILE', 'DeviceUnusable'],
] as const)('open failing with %s is %s, and the message names the device', (name, reason) => {
  const error = openError('/dev/other', -constants.errno[name]);
  expect(error.reason).toBe(reason);
  expect(error.message).toContain('/dev/other');
});

test('the three ways not to get the device have three remedies', () => {
  const remedies = [constants.errno.ENOENT, constants.errno.EPERM, constants.errno.EACCES].map(
    (number) => openError('/dev/kvm', -number).remedy,
  );
  expect(new Set(remedies).size).toBe(3);
  expect(remedies[1]).toMatch(/device plugin/);
  expect(remedies[2]).toMatch(/group/);
});

test('a failed ioctl names itself, the device and the error', () => {
  expect(ioctlError('/dev/kvm', 'KVM_GET_MSRS', -constants.errno.EFAULT).message).toBe(
    'KVM_GET_MSRS on /dev/kvm failed (EFAULT)',
  );
});

test('an error number without a name is shown as a number', () => {
  expect(errnoName(4242)).toBe('error 4242');
});
