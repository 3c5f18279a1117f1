/** Canonical JSON (RFC 8785) and the SHA-256 digests of it that name snapshots and profiles. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';

/** RFC 8785 canonical JSON of `value`. Throws a TypeError for what JSON cannot hold (`undefined`, functions). */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return text;
}

/** `sha256:<64 hex digits>` of the canonical JSON of `value`. */
export const digestOf = (value: unknown): string =>
  `sha256:${bytesToHex(sha256(utf8ToBytes(canonicalJson(value))))}`;

/** The first 16 hex digits of a digest: what fits into object names and NodeCpu verdicts. */
export const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 16);
