import { expect, test } from 'vitest';
import { madeHost, madeProfile } from '../../test/domain/made.ts';
import { check } from './check.ts';
import { explain } from './explain.ts';
import { bitsText, placeText } from './findings.ts';

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
  expect(text).toContain(
    '✗ FB_CLEAR: MsrBitsMissing (MSR 0x10a bit 17)\n      profile 0x20000, host 0x80000',
  );
  expect(text).toContain('✗ RRSBA: MsrBitsUnwanted (MSR 0x10a bit 19)');
  expect(text).toContain('✗ avx2: CpuidBitsMissing (CPUID 0x7.0x0 EBX bit 5)');
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

test('runs of bits are drawn together', () => {
  expect(bitsText([5])).toBe('bit 5');
  expect(bitsText([0, 1])).toBe('bits 0, 1');
  expect(bitsText([5, 8, 13, 14, 15, 63])).toBe('bits 5, 8, 13-15, 63');
});

test('places', () => {
  expect(placeText({ msr: '0x10a' })).toBe('MSR 0x10a');
  expect(placeText({ leaf: '0xd', subleaf: '0x1', register: 'eax' })).toBe('CPUID 0xd.0x1 EAX');
  expect(placeText({})).toBe('the host');
});
