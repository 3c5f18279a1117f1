import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyProfile } from '../../test/arbitrary-profile.ts';
import { INTEL, madeProfile } from '../../test/domain/made.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { compileFilter, FilterError } from '../msr-filter/compile.ts';
import { FILTER_RULES, unnamedMsrs } from './lint-filter.ts';

const rule = FILTER_RULES.find(({ code }) => code === 'FilterTooLarge');

test('MSRs of no table: those of tables, boot and x2APIC are none', () => {
  const required = [
    0x10, 0x8b, 0x277, 0x830, 0x1d9, 0x4000_0000, 0x4b56_4d00, 0xc000_0080, 0x7777, 0xdead_0000,
  ];
  expect(unnamedMsrs(madeProfile({ required, msrs: [[0xcf, 0n]] }), INTEL)).toEqual(
    [0xcf, 0x7777, 0xdead_0000].filter(
      (index) => index !== 0xcf || INTEL.forbidden.every(({ first, last }) => index < first || index > last),
    ),
  );
});

test(
  'the rule says of every profile what the compiler says, also where it does not ask it',
  () => {
    fc.assert(
      fc.property(
        anyProfile,
        fc.uniqueArray(fc.integer({ min: 0x2000, max: 0xffff_ffff }), { maxLength: 24 }),
        (profile, far) => {
          const data = {
            ...profile.data,
            requiredMsrs: [...new Set([...profile.data.requiredMsrs, ...far])],
          };
          const scattered = { ...profile, data };
          const definitions = definitionsFor(profile.vendor);
          const fits = (() => {
            try {
              return compileFilter(scattered, definitions).ranges.length <= 16;
            } catch (error) {
              if (error instanceof FilterError) return false;
              throw error;
            }
          })();
          expect(rule?.find(scattered, definitions).length === 0).toBe(fits);
        },
      ),
      { numRuns: lawRuns(100) },
    );
  },
  20_000 + 10 * lawRuns(100),
);
