import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { profileData } from '../../test/arbitrary-profile.ts';
import { profileDataToWire } from '../model/profile.ts';
import { changesOf, frameOf, toWords, unpack } from './compact.ts';

describe('the compact form', () => {
  test('takes the words of the frame, those of the entry over them, and leaves out what the entry takes away', () => {
    expect(unpack('1.0:c=3/80 7.0:b=9 mce=0/ff r10 r48', '7.0:b=a d.8-3f:a=0 -mce -r48 m10a=6b r8b')).toEqual(
      {
        cpuid: [
          { leaf: '0x1', subleaf: '0x0', register: 'ecx', mask: '0x80', value: '0x3' },
          { leaf: '0x7', subleaf: '0x0', register: 'ebx', mask: '0x0', value: '0xa' },
          { leaf: '0xd', subleaf: '0x8', lastSubleaf: '0x3f', register: 'eax', mask: '0x0', value: '0x0' },
        ],
        featureMsrs: [{ index: '0x10a', mask: '0x0', value: '0x6b' }],
        requiredMsrs: ['0x10', '0x8b'],
      },
    );
  });

  test('comes back as it was, whatever the frame', () => {
    fc.assert(
      fc.property(fc.array(profileData, { minLength: 1, maxLength: 4 }), (all) => {
        const wires = all.map(profileDataToWire);
        const frame = frameOf(wires.map(toWords));
        for (const wire of wires) {
          expect(unpack(frame, changesOf(frame, toWords(wire)))).toEqual(wire);
          expect(unpack('', changesOf('', toWords(wire)))).toEqual(wire);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('a word that is none is a fault of the file', () => {
    expect(() => unpack('', '7.0:q=1')).toThrow('7.0:q');
  });
});
