/** Chance that can be repeated: every execution draws from its own generator, made of the seed and its number. */

export interface Random {
  /** 0 to `below` - 1. */
  int(below: number): number;
  /** true once in `times`. */
  oneIn(times: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32: 32 bits of state, good enough to spread mutations. */
export function randomOf(seed: number, execution: number): Random {
  let state = Math.imul(seed ^ Math.imul(execution + 1, 0x9e37_79b9), 0x85eb_ca6b) >>> 0;
  const int = (below: number): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) % below;
  };
  return {
    int,
    oneIn: (times) => int(times) === 0,
    pick: (items) => {
      const item = items[int(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
}
