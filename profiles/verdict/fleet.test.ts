import { describe, expect, test } from 'vitest';
import { madeHost, madeProfile, type MadeHost, type MadeProfile } from '../../test/domain/made.ts';
import { InputError } from '../model/input-error.ts';
import { snapshotToWire, type Snapshot } from '../model/snapshot.ts';
import { check } from './check.ts';
import { createFleet, type FleetOptions } from './fleet.ts';

const options: FleetOptions = {
  apiVersion: 'v1',
  parse: () => {
    throw new InputError('', 'read the ordinary way');
  },
};
const textOf = (snapshot: Snapshot): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'CpuSnapshot',
    metadata: { name: 'a' },
    spec: snapshotToWire(snapshot),
  });

/** Immune to all that FB_CLEAR is used against: bits 5, 8, 13, 14, 15. */
const IMMUNE = 0xe120n;
const FB_CLEAR = 1n << 17n;

// Every row differs from a Yes in one place. The fast answer and the ordinary one must both be what is said.
const PAIRS: readonly [what: string, profile: MadeProfile, host: MadeHost, answer: string][] = [
  ['nothing asked', {}, {}, 'Yes'],
  ['another vendor', {}, { vendor: 'amd' }, 'No'],
  ['a bit that is there', { cpuid: [[7, 0, 'ebx', 0x20]] }, { cpuid: [[7, 0, 'ebx', 0x21]] }, 'Yes'],
  ['a bit that is missing', { cpuid: [[7, 0, 'ebx', 0x20]] }, { cpuid: [[7, 0, 'ebx', 0xdf]] }, 'No'],
  ['the highest bit', { cpuid: [[7, 0, 'edx', 0x8000_0000]] }, { cpuid: [[7, 0, 'edx', 0x7fff_ffff]] }, 'No'],
  [
    'the highest bit, there',
    { cpuid: [[7, 0, 'edx', 0x8000_0000]] },
    { cpuid: [[7, 0, 'edx', 0x8000_0000]] },
    'Yes',
  ],
  ['a bit without a name', { cpuid: [[0x77, 0, 'eax', 1]] }, { cpuid: [[0x77, 0, 'eax', 2]] }, 'No'],
  ['a leaf that is missing', { cpuid: [[7, 1, 'eax', 0x10]] }, { cpuid: [[7, 0, 'eax', 0x10]] }, 'No'],
  ['one entry for a range', { cpuid: [[0x77, [0, 3], 'ebx', 1]] }, { cpuid: [[0x77, 2, 'ebx', 1]] }, 'Yes'],
  [
    'one bad entry in a range',
    { cpuid: [[0x77, [0, 3], 'ebx', 1]] },
    {
      cpuid: [
        [0x77, 2, 'ebx', 1],
        [0x77, 3, 'ebx', 2],
      ],
    },
    'No',
  ],
  [
    'an entry beyond a range',
    { cpuid: [[0x77, [0, 3], 'ebx', 1]] },
    {
      cpuid: [
        [0x77, 2, 'ebx', 1],
        [0x77, 4, 'ebx', 2],
      ],
    },
    'Yes',
  ],
  [
    'a range too wide for words',
    { cpuid: [[0x77, [0, 99], 'ebx', 1]] },
    { cpuid: [[0x77, 90, 'ebx', 2]] },
    'No',
  ],
  [
    'a range too wide for words, fine',
    { cpuid: [[0x77, [0, 99], 'ebx', 1]] },
    { cpuid: [[0x77, 90, 'ebx', 3]] },
    'Yes',
  ],
  ['a number that is reached', { cpuid: [[7, 0, 'eax', 1]] }, { cpuid: [[7, 0, 'eax', 2]] }, 'Yes'],
  ['a number that is not', { cpuid: [[7, 0, 'eax', 2]] }, { cpuid: [[7, 0, 'eax', 1]] }, 'No'],
  [
    'the largest leaf',
    {
      cpuid: [
        [0, 0, 'eax', 0x20],
        [0x14, 0, 'eax', 1],
      ],
    },
    {
      cpuid: [
        [0, 0, 'eax', 0x13],
        [0x14, 0, 'eax', 1],
      ],
    },
    'No',
  ],
  ['an MSR that is missing', { msrs: [[0x8b, 0n, 0xffff_ffffn]] }, {}, 'No'],
  ['an MSR bit', { msrs: [[0x10a, 1n]] }, { msrs: [[0x10a, 3n]] }, 'Yes'],
  ['an MSR bit that is missing', { msrs: [[0x10a, 1n]] }, { msrs: [[0x10a, 2n]] }, 'No'],
  ['an MSR bit that is unwanted', { msrs: [[0x10a, 0n]] }, { msrs: [[0x10a, 1n << 19n]] }, 'No'],
  ['the same, shining through', { msrs: [[0x10a, 0n, 1n << 19n]] }, { msrs: [[0x10a, 1n << 19n]] }, 'Yes'],
  ['a bit of the high half', { msrs: [[0x10a, 1n << 62n]] }, { msrs: [[0x10a, 1n << 62n]] }, 'Yes'],
  ['a bit of the high half that differs', { msrs: [[0x10a, 0n]] }, { msrs: [[0x10a, 1n << 40n]] }, 'No'],
  ['an MSR that no table knows', { msrs: [[0x999, 5n]] }, { msrs: [[0x999, 4n]] }, 'No'],
  ['FB_CLEAR tolerated', { msrs: [[0x10a, FB_CLEAR | IMMUNE]] }, { msrs: [[0x10a, IMMUNE]] }, 'Yes'],
  [
    'FB_CLEAR and another bit',
    { msrs: [[0x10a, FB_CLEAR | IMMUNE | 1n]] },
    { msrs: [[0x10a, IMMUNE]] },
    'No',
  ],
  ['FB_CLEAR on a host that needs it', { msrs: [[0x10a, FB_CLEAR]] }, { msrs: [[0x10a, 0n]] }, 'No'],
  ['a required MSR of the index list', { required: [0x10] }, { msrIndices: [0x10] }, 'Yes'],
  ['a required MSR of the feature list', { required: [0x8b] }, { msrs: [[0x8b, 0n]] }, 'Yes'],
  ['a required MSR that is missing', { required: [0x10, 0x11] }, { msrIndices: [0x10] }, 'No'],
  [
    'the filter',
    { filter: 'closed' },
    { capabilities: { msrFilter: true, userSpaceMsr: false, nested: false } },
    'Yes',
  ],
  [
    'no filter',
    { filter: 'closed' },
    { capabilities: { msrFilter: false, userSpaceMsr: true, nested: true } },
    'No',
  ],
  ['nesting', { cpuid: [[1, 0, 'ecx', 0x20]] }, { cpuid: [[1, 0, 'ecx', 0x20]] }, 'Yes'],
  [
    'no nesting',
    { cpuid: [[1, 0, 'ecx', 0x20]] },
    { cpuid: [[1, 0, 'ecx', 0x20]], capabilities: { msrFilter: true, userSpaceMsr: true, nested: false } },
    'No',
  ],
];

describe('a fleet says what check says', () => {
  test.each(PAIRS)('%s', (_what, profile, host, answer) => {
    const pair = { profile: madeProfile(profile), host: madeHost(host) };
    expect(check(pair.profile, pair.host).compatible).toBe(answer);
    const fleet = createFleet([pair.profile], options);
    expect(fleet.verdict(0, fleet.host('a', pair.host))).toBe(answer);
  });

  test('for all of them at once, from text', () => {
    const pairs = PAIRS.map(([, profile, host]) => ({ profile: madeProfile(profile), host: madeHost(host) }));
    // Without the ranges that take the ordinary way for everybody.
    const plain = pairs.filter((_, i) => !(PAIRS[i]?.[0] ?? '').startsWith('a range too wide'));
    const fleet = createFleet(
      plain.map(({ profile }) => profile),
      options,
    );
    const hosts = plain.map(({ host }) => fleet.read(textOf(host)));
    plain.forEach(({ profile }, i) => {
      plain.forEach(({ host }, j) => {
        const read = hosts[j];
        if (read === undefined) throw new Error('unread');
        expect([i, j, fleet.verdict(i, read)]).toEqual([i, j, check(profile, host).compatible]);
      });
    });
  });
});

describe('what takes the ordinary way', () => {
  const profile = madeProfile({ cpuid: [[7, 0, 'ebx', 1]], msrs: [[0x10a, 1n]], required: [0x10] });
  const known = { cpuid: [[7, 0, 'ebx', 1]], msrs: [[0x10a, 1n]], msrIndices: [0x10] } as const;
  const fleet = createFleet([profile], options);
  test.each<[string, Partial<Snapshot>]>([
    ['partial', { partial: true }],
    ['raw', { source: 'raw' }],
    ['guest', { source: 'guest' }],
    ['no feature list', { featureMsrs: undefined }],
  ])('%s: Unknown', (_what, view) => {
    const host = fleet.host('a', { ...madeHost(known), ...view });
    expect(host.row).toBeUndefined();
    expect(fleet.verdict(0, host)).toBe('Unknown');
  });
  test('no index list, and nothing to find in it', () => {
    const host = fleet.host('a', {
      ...madeHost({
        ...known,
        msrs: [
          [0x10, 0n],
          [0x10a, 1n],
        ],
      }),
      msrIndices: undefined,
    });
    expect(host.row).toBeUndefined();
    expect(fleet.verdict(0, host)).toBe('Yes');
  });
  test('a text that is not plain goes to the ordinary reader', () => {
    expect(() => fleet.read('{}')).toThrow('read the ordinary way');
    expect(() => fleet.read(textOf({ ...madeHost(known), partial: true }))).toThrow('read the ordinary way');
  });
  test('hosts and numbers of another fleet are refused', () => {
    expect(() => fleet.verdict(1, fleet.host('a', madeHost({ partial: true })))).toThrow(/has no profile 1/);
    expect(() => fleet.verdict(0, { name: 'a', row: undefined, snapshot: undefined })).toThrow(
      /another fleet/,
    );
  });
});
