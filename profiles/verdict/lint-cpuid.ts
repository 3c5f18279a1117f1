/** Consistency rules over the CPUID half of a profile. */
import { findCpuid } from '../definitions/lookup.ts';
import { rowMasks } from '../definitions/row-masks.ts';
import type { CpuidBit, CpuidDefinition, Definitions } from '../definitions/types.ts';
import { and32, bitsOf, mask32, minus32, or32, toHex } from '../model/numbers.ts';
import type { CpuidAdjustment, Profile } from '../model/profile.ts';
import { VENDOR_STRINGS, vendorOf } from '../model/registers.ts';
import { adjustmentAt, fixesToOne } from './bits.ts';
import { LARGEST_LEAF_BASES, leafBlock } from './exceptions.ts';
import { cpuidWhere, placeText } from './findings.ts';
import type { Broken, LintRule } from './lint-rule.ts';

const PKU: CpuidBit = { leaf: 0x7, subleaf: 0, register: 'ecx', bit: 3 };
const XCR0_PKRU: CpuidBit = { leaf: 0xd, subleaf: 0, register: 'eax', bit: 9 };

/** Real leaves have at most some dozen subleaves; a wider range with fixed bits is a typing error. */
const WIDEST_FIXED_RANGE = 64;

const whereOf = ({ leaf, subleaf, register }: CpuidAdjustment): Broken['where'] =>
  cpuidWhere(leaf, subleaf, register);

export const CPUID_RULES: readonly LintRule[] = [
  {
    code: 'VendorStringDiffers',
    severity: 'error',
    law: 'Leaf 0 shows guests the name of the vendor that the profile is for.',
    find: vendorString,
  },
  {
    code: 'BrandStringTooLong',
    severity: 'error',
    law: 'The 48 bytes of the brand string end with a NUL.',
    find: ({ data }) => {
      const last = adjustmentAt(data, 0x8000_0004, 0, 'edx');
      if (last === undefined || last.value >>> 24 === 0) return [];
      return [
        {
          where: whereOf(last),
          name: 'brand string',
          message:
            'The brand string fills all 48 bytes of CPUID 80000002-80000004; the last one must be the closing NUL.',
        },
      ];
    },
  },
  {
    code: 'SubleafRangeTooWide',
    severity: 'error',
    law: `Bits are fixed to 1 in at most ${WIDEST_FIXED_RANGE} subleaves at once.`,
    find: ({ data }) =>
      data.cpuid
        .filter(
          ({ subleaf, lastSubleaf, value }) => value !== 0 && lastSubleaf - subleaf >= WIDEST_FIXED_RANGE,
        )
        .map((entry) => ({
          where: whereOf(entry),
          name: 'subleaf range',
          message: `${placeText(whereOf(entry))} fixes ${toHex(entry.value)} in every subleaf up to ${toHex(entry.lastSubleaf)}; no CPU has that many.`,
        })),
  },
  {
    code: 'LargestLeafTooLow',
    severity: 'warning',
    law: 'The largest-leaf fields reach the highest leaf in which the profile fixes a bit.',
    find: largestLeaf,
  },
  {
    code: 'BitsWithoutName',
    severity: 'note',
    law: 'Every bit that is fixed to 1 has a row in the tables.',
    find: bitsWithoutName,
  },
  {
    code: 'PassthroughCompared',
    severity: 'note',
    law: 'Bits that shine through from the host are ones that may differ between hosts.',
    find: passthroughCompared,
  },
  {
    code: 'AddressWidthsPassthrough',
    severity: 'note',
    law: 'The address widths, CPUID 80000008.0:EAX, are the same on every host.',
    find: ({ data }) => {
      const entry = adjustmentAt(data, 0x8000_0008, 0, 'eax');
      if (entry === undefined || entry.mask === 0) return [];
      return [
        {
          where: whereOf(entry),
          name: 'phys_addr_bits',
          message:
            'The address widths are those of whichever host runs the guest: keep the VMM to a width that every host has.',
        },
      ];
    },
  },
  {
    code: 'PkuStateWithoutPku',
    severity: 'note',
    law: 'XCR0[9] is offered only with protection keys, 7.0:ECX[3].',
    find: ({ data }) => {
      const entry = adjustmentAt(data, XCR0_PKRU.leaf, XCR0_PKRU.subleaf, XCR0_PKRU.register);
      if (entry === undefined || !fixesToOne(data, XCR0_PKRU) || fixesToOne(data, PKU)) return [];
      return [
        {
          where: whereOf(entry),
          name: 'xcr0_pkru',
          message:
            'XCR0[9] is offered while protection keys (CPUID 7.0:ECX[3]) are off: guests save a state component that they cannot use, and hosts must offer it.',
        },
      ];
    },
  },
];

function vendorString({ vendor, data }: Profile): Broken[] {
  const [ebx, ecx, edx] = (['ebx', 'ecx', 'edx'] as const).map((register) =>
    adjustmentAt(data, 0, 0, register),
  );
  if (ebx === undefined || ecx === undefined || edx === undefined) {
    return [
      {
        where: cpuidWhere(0, 0, 'ebx'),
        name: 'cpu_vendorid',
        message: `CPUID leaf 0 lacks EBX, ECX or EDX, so guests do not see ${VENDOR_STRINGS[vendor]}.`,
      },
    ];
  }
  if ([ebx, ecx, edx].some(({ mask }) => mask !== 0) || vendorOf(ebx.value, ecx.value, edx.value) === vendor)
    return [];
  return [
    {
      where: whereOf(ebx),
      name: 'cpu_vendorid',
      message: `The profile is for ${vendor}, and CPUID leaf 0 does not say ${VENDOR_STRINGS[vendor]}.`,
    },
  ];
}

function largestLeaf({ data }: Profile): Broken[] {
  return LARGEST_LEAF_BASES.flatMap((base) => {
    const entry = adjustmentAt(data, base, 0, 'eax');
    const highest = data.cpuid
      .filter(({ leaf, value }) => leafBlock(leaf) === leafBlock(base) && value !== 0)
      .reduce((found, { leaf }) => Math.max(found, leaf), base);
    if (highest === base || (entry !== undefined && (entry.mask !== 0 || entry.value >= highest))) return [];
    return [
      {
        where: cpuidWhere(base, 0, 'eax'),
        name: 'largest leaf',
        message: `The profile fixes bits in leaf ${toHex(highest)}, and ${placeText(cpuidWhere(base, 0, 'eax'))} tells guests that leaves end at ${toHex(entry?.value ?? 0)}.`,
      },
    ];
  });
}

function bitsWithoutName({ data }: Profile, definitions: Definitions): Broken[] {
  return data.cpuid.flatMap((entry) => {
    if (entry.value === 0) return [];
    const nameless = minus32(entry.value, rowMasks(rowAt(entry, definitions)).named);
    if (nameless === 0) return [];
    return [
      {
        where: whereOf(entry),
        name: 'bits without a name',
        message: `${placeText(whereOf(entry), bitsOf(nameless))}: fixed to 1 and not in the tables; hosts must offer the same bits.`,
      },
    ];
  });
}

const rowAt = (
  { leaf, subleaf, register }: CpuidAdjustment,
  definitions: Definitions,
): CpuidDefinition | undefined => findCpuid(definitions, leaf, subleaf, register);

function passthroughCompared({ data }: Profile, definitions: Definitions): Broken[] {
  return data.cpuid.flatMap((entry) => {
    if (entry.mask === 0) return [];
    const row = rowAt(entry, definitions);
    const fields = (row?.fields ?? []).filter(
      ({ first, last, relation }) => relation !== 'ignore' && and32(entry.mask, mask32(first, last)) !== 0,
    );
    const nameless = minus32(entry.mask, rowMasks(row).named);
    if (fields.length === 0 && nameless === 0) return [];
    const names = fields.length === 0 ? 'bits without a name' : fields.map(({ name }) => name).join(', ');
    const bits = fields.reduce(
      (all, { first, last }) => or32(all, and32(entry.mask, mask32(first, last))),
      nameless,
    );
    return [
      {
        where: whereOf(entry),
        name: names,
        message: `Left to whichever host runs the guest, which may lose it when it moves: ${names} (${placeText(whereOf(entry), bitsOf(bits))}).`,
      },
    ];
  });
}
