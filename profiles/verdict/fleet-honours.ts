/** The comparison of a fleet: a compiled program against a host's row of words. */
import { toleratedArchCapabilities } from './exceptions.ts';
import type { AtMost, Program } from './fleet-program.ts';

/** Does the host behind `row` honour the profile? Only for KVM's complete answers, which are Yes or No. */
export function honours(program: Program, row: Uint32Array): boolean {
  const { word, care, expected } = program;
  for (let i = 0; i < word.length; i += 1) {
    const bad = ((row[word[i] ?? 0] ?? 0) ^ (expected[i] ?? 0)) & (care[i] ?? 0);
    if (bad !== 0 && !excused(program, row, i, bad >>> 0)) return false;
  }
  for (const field of program.atMost) if (!reaches(field, row)) return false;
  return true;
}

/** The comparison failed: was there nothing to compare, or is what is missing tolerated? */
function excused(program: Program, row: Uint32Array, i: number, bad: number): boolean {
  const gate = program.gateMask[i] ?? 0;
  if (gate !== 0 && ((row[program.gateWord[i] ?? 0] ?? 0) & gate) === 0) return true;
  if (i !== program.archCapabilities) return false;
  const word = program.word[i] ?? 0;
  const host = (BigInt(row[word + 1] ?? 0) << 32n) | BigInt(row[word] ?? 0);
  return BigInt(bad) === toleratedArchCapabilities(program.archCapabilitiesValue, host);
}

function reaches({ lowWord, highWord, gate, mask, value, field }: AtMost, row: Uint32Array): boolean {
  if (((row[gate.word] ?? 0) & gate.mask) === 0) return true;
  const high = row[highWord] ?? 0;
  const seenHigh = ((high & mask[1]) | value[1]) >>> 0;
  const offeredHigh = (high & field[1]) >>> 0;
  if (seenHigh !== offeredHigh || lowWord === -1) return seenHigh <= offeredHigh;
  const low = row[lowWord] ?? 0;
  return ((low & mask[0]) | value[0]) >>> 0 <= (low & field[0]) >>> 0;
}
