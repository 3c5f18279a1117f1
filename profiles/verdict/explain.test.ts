import { expect, test } from 'vitest';
import { madeHost, madeProfile } from '../../test/domain/made.ts';
import { check } from './check.ts';
import { explain } from './explain.ts';
import { placeText } from './findings.ts';

test('a No is grouped by class, mitigations first, with names, bits, both values and why', () => {
  const profile = madeProfile({
    cpuid: [[0x7, 0, 'ebx', 0x20]],
    msrs: [[0x10a, 0x2_0000n]],
    filter: 'closed',
  });
  const host = madeHost({
    cpuid: [[0x7, 0, 'ebx', 0x1]],
    msrs: [[0x10a, 0x8_0000n]],
    capabilities: { msrFilter: false, userSpaceMsr: false, nested: false },
  });
  const lines = explain('gold', 'intel-1', check(profile, host));
  expect(lines[0]).toBe('gold on intel-1: No');
  expect(lines[1]).toBe('This host cannot honour the profile: 4 errors.');
  const text = lines.join('\n');
  expect(text).toContain('✗ FB_CLEAR: MsrBitsMissing (MSR 0x10a[17])\n      profile 0x20000, host 0x80000');
  expect(text).toContain('✗ RRSBA: MsrBitsUnwanted (MSR 0x10a[19])');
  expect(text).toContain('✗ avx2: CpuidBitsMissing (CPUID 7.0:EBX[5])');
  expect(text.indexOf('Mitigations')).toBeLessThan(text.indexOf('Instructions'));
  expect(text.indexOf('Instructions')).toBeLessThan(text.indexOf('Virtualization'));
  expect(lines.every((line) => line.length <= 100)).toBe(true);
});

test('a Yes is one sentence, an Unknown says what is open', () => {
  expect(explain('a', 'b', check(madeProfile({}), madeHost({})))).toEqual([
    'a on b: Yes',
    'Everything the profile fixes is offered by this host.',
  ]);
  const unknown = explain('a', 'b', check(madeProfile({}), madeHost({ source: 'raw' })));
  expect(unknown[1]).toBe('Nothing speaks against this host, and not everything is known: 1 open question.');
});

test('places, as the manuals write them', () => {
  const ebx = { leaf: '0x80000008', subleaf: '0x1', register: 'ebx' } as const;
  expect(placeText({ leaf: '0xd', subleaf: '0x1f', register: 'eax' })).toBe('CPUID d.1f:EAX');
  expect(placeText(ebx, [24])).toBe('CPUID 80000008.1:EBX[24]');
  expect(placeText(ebx, [6, 8, 9])).toBe('CPUID 80000008.1:EBX[6,8,9]');
  expect(placeText(ebx, [7, 8, 9])).toBe('CPUID 80000008.1:EBX[9:7]');
  expect(placeText({ msr: '0x10a' })).toBe('MSR 0x10a');
  expect(placeText({ msr: '0x10a' }, [5, 8, 13, 14, 15, 63])).toBe('MSR 0x10a[5,8,15:13,63]');
  expect(placeText({})).toBe('the host');
});
