/** The laws of a baseline: every member is Yes, nothing can be raised, order and repeats do not matter, one host is generate. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyPool, poolOf } from '../../test/domain/arbitrary-pool.ts';
import { lawRuns } from '../../test/law-runs.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { InputError } from '../model/input-error.ts';
import type { Profile, ProfileOptions } from '../model/profile.ts';
import { snapshotName, type Snapshot } from '../model/snapshot.ts';
import { check } from '../verdict/check.ts';
import { baseline, type Baseline } from './baseline.ts';
import { raises } from '../../test/domain/raises.ts';
import { offers } from './baseline-options.ts';
import { generate } from './generate.ts';
import { OPTION_NAMES } from './options.ts';

const RUNS = { numRuns: lawRuns(100) };
const options = fc.record({ nested: fc.boolean(), amx: fc.boolean(), hyperv: fc.boolean() });

const profileOf = ({ vendor, data }: Pick<Profile, 'vendor' | 'data'>): Profile => ({
  vendor,
  data,
  filter: 'none',
});
const isYes = (made: Pick<Profile, 'vendor' | 'data'>, host: Snapshot): boolean =>
  check(profileOf(made), host).compatible === 'Yes';

/** The baseline and the options it could have: one that nobody offers is refused, so it is not asked for. */
function made(pool: readonly Snapshot[], asked: ProfileOptions = {}): Baseline & { asked: ProfileOptions } {
  try {
    return { ...baseline('law', pool, asked), asked };
  } catch (error) {
    if (!(error instanceof InputError) || !error.place.startsWith('options.')) throw error;
    return made(pool, { ...asked, [error.place.slice('options.'.length)]: false });
  }
}

describe('laws of the baseline', { timeout: 20_000 + 200 * RUNS.numRuns }, () => {
  test('every member is Yes, and whatever policies and options allow to be raised loses one', () => {
    let tried = 0;
    const picks = fc.array(fc.nat(), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(anyPool, options, picks, (recipe, wanted, picked) => {
        const pool = poolOf(recipe);
        const { asked, ...result } = made(pool, wanted);
        for (const host of pool)
          expect(check(profileOf(result), host)).toEqual({ compatible: 'Yes', findings: [] });
        const candidates = raises(result, pool, asked);
        for (const pick of picked) {
          const raise = candidates[pick % candidates.length];
          if (raise === undefined) return;
          tried += 1;
          const data = raise.apply(result.data);
          const stays = pool.every((host) => isYes({ vendor: result.vendor, data }, host));
          expect(stays, `${raise.what} can be raised`).toBe(false);
        }
      }),
      RUNS,
    );
    expect(tried).toBeGreaterThan(RUNS.numRuns);
  });

  test('order and repeats do not matter', () => {
    fc.assert(
      fc.property(anyPool, options, fc.array(fc.nat(), { maxLength: 6 }), (recipe, asked, picks) => {
        const pool = poolOf(recipe);
        const shuffled = [...pool, ...picks.map((pick) => pool[pick % pool.length] ?? pool[0])].reverse();
        expect(made(shuffled, asked)).toEqual(made(pool, asked));
      }),
      RUNS,
    );
  });

  test('a pool of one host, however often named, is generate exactly', () => {
    fc.assert(
      fc.property(anyPool, fc.nat(3), (recipe, again) => {
        const [host] = poolOf(recipe);
        const pool = Array.from({ length: again + 1 }, () => structuredClone(host));
        const { vendor, data, warnings } = generate('law', host);
        expect(baseline('law', pool)).toEqual({ vendor, data, warnings, limitedBy: [] });
      }),
      RUNS,
    );
  });

  test('an option can be asked for exactly where generate accepts it', () => {
    fc.assert(
      fc.property(anyPool, fc.constantFrom(...OPTION_NAMES), (recipe, option) => {
        const host = poolOf(recipe).at(-1);
        if (host === undefined) return;
        const accepted = (() => {
          try {
            return generate('law', host, { [option]: true }).vendor === host.vendor;
          } catch (error) {
            if (error instanceof InputError && error.place === `options.${option}`) return false;
            throw error;
          }
        })();
        expect(offers(host, option, definitionsFor(host.vendor))).toBe(accepted);
      }),
      RUNS,
    );
  });

  test('a limit names the members that stand in its way, and no others', () => {
    let held = 0;
    fc.assert(
      fc.property(anyPool, (recipe) => {
        const pool = poolOf(recipe);
        const { data, vendor, limitedBy } = made(pool);
        const candidates = raises({ vendor, data, limitedBy: [] }, pool, {});
        for (const { where, bits, relation, snapshots, ...limit } of limitedBy) {
          expect(snapshots.length).toBeGreaterThan(0);
          const raise = candidates.find(
            (each) => JSON.stringify(each.where) === JSON.stringify(where) && each.bit === bits[0],
          );
          if (raise === undefined || raise.wide === true) continue;
          if (limit.with !== undefined || relation === 'at-most' || bits.length === 0) continue;
          const raised = { vendor, data: raise.apply(data) };
          // Sizes that the raised feature would bring along are another matter.
          const place = JSON.stringify(where);
          const refuses = (host: Snapshot): boolean =>
            check(profileOf(raised), host).findings.some(
              (finding) => JSON.stringify(finding.where) === place,
            );
          const lost = pool.filter(refuses).map(snapshotName);
          expect(new Set(lost)).toEqual(new Set(snapshots));
          held += 1;
        }
      }),
      RUNS,
    );
    expect(held).toBeGreaterThan(RUNS.numRuns / 2);
  });
});
