import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cover, type Directions, type Run } from './cover.ts';

/** Is every MSR decided rightly by some bitmaps of these windows? Worked out from what each window can say. */
function someBitmapsDo(runs: readonly Run[], windows: readonly { flags: number; base: number }[]): boolean {
  return runs.every(({ first, directions }) => {
    const over = (flags: number) =>
      windows.some(
        (window) => window.flags === flags && window.base <= first && first < window.base + 12_288,
      );
    return [false, true].some((shared) =>
      [1, 2].every((direction) => {
        const departs = (directions & direction) !== 0;
        // A window of this direction alone has a bit of its own to get it right.
        return over(direction) || (over(3) ? shared : false) === departs;
      }),
    );
  });
}

describe('cover', () => {
  it('finds no more windows than a search through all of them', () => {
    const sparse = fc
      .uniqueArray(
        fc.record({
          at: fc.integer({ min: 0x1000, max: 0x1000 + 40_000 }),
          directions: fc.constantFrom<Directions>(1, 2, 3),
        }),
        { selector: ({ at }) => at, minLength: 1, maxLength: 4 },
      )
      .map((points) =>
        points
          .sort((left, right) => left.at - right.at)
          .map(({ at, directions }): Run => ({ first: at, last: at, directions })),
      );
    fc.assert(
      fc.property(sparse, (runs) => {
        const candidates = runs.flatMap(({ first }) => [1, 2, 3].map((flags) => ({ flags, base: first })));
        let best = Infinity;
        for (let chosen = 0; chosen < 1 << candidates.length; chosen += 1) {
          const windows = candidates.filter((_, i) => (chosen >> i) & 1);
          if (windows.length < best && someBitmapsDo(runs, windows)) best = windows.length;
        }
        const found = cover(runs);
        expect('windows' in found ? found.windows.length : found).toBe(best);
      }),
      { numRuns: 150 },
    );
  });
});
