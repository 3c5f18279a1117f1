/**
 * The relations: what a host must offer for one field of a profile. Everything is said over what a guest would
 * see, `guest = (host & mask) | value`, so that bits which shine through from the host can never offend.
 */
import type { Relation } from '../model/finding.ts';
import { and32, minus32, xor32 } from '../model/numbers.ts';

/**
 * The bits of the field `field` (a mask) of a 32-bit register in which the host is not fine; 0 when it is.
 * at-most and equal answer the bits in which both differ: the value as a whole is what offends.
 */
export function offending32(relation: Relation, guest: number, host: number, field: number): number {
  const seen = and32(guest, field);
  const offered = and32(host, field);
  switch (relation) {
    case 'subset':
      return minus32(seen, offered);
    case 'superset':
      return minus32(offered, seen);
    case 'at-most':
      return seen <= offered ? 0 : xor32(seen, offered);
    case 'equal':
      return xor32(seen, offered);
    case 'identity':
    case 'ignore':
      return 0;
  }
}

/** The same for a field of a 64-bit MSR. */
export function offending64(relation: Relation, guest: bigint, host: bigint, field: bigint): bigint {
  const seen = guest & field;
  const offered = host & field;
  switch (relation) {
    case 'subset':
      return seen & ~offered;
    case 'superset':
      return offered & ~seen;
    case 'at-most':
      return seen <= offered ? 0n : seen ^ offered;
    case 'equal':
      return seen ^ offered;
    case 'identity':
    case 'ignore':
      return 0n;
  }
}
