import { describe, expect, test } from 'vitest';
import { catalogEntry, catalogNames, catalogSummaries } from '../catalog/catalog.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { FORMATS } from '../formats/format.ts';
import { renderFiles } from '../formats/render.ts';
import type { Profile } from '../model/profile.ts';
import { isHyperV } from '../definitions/lists.ts';
import { isVmxMsr } from '../verdict/exceptions.ts';
import { excess, fitsTheSame } from '../verdict/fits-wherever.ts';
import { lint } from '../verdict/lint.ts';
import { strength } from '../verdict/strength.ts';
import { compileFilter } from '../msr-filter/compile.ts';
import { abiLevelOf } from './abi-level.ts';
import { accept } from './accept.ts';
import { catalogProfiles, orderOf, stepsOf } from './catalog-order.ts';
import { hasOption, OPTION_NAMES } from './options.ts';
import { xsaveSize } from './xsave.ts';

const profiles = catalogProfiles();
const profile = (name: string): Profile => {
  const found = profiles.get(name);
  if (found === undefined) throw new Error(`no catalogue entry ${name}`);
  return found;
};
const order = orderOf(profiles);
const above = (name: string): readonly string[] => order.get(name) ?? [];
const made = catalogSummaries().filter(({ covers }) => covers.length > 0);

describe.each(catalogNames())('%s', (name) => {
  test('lints without errors and is accepted', () => {
    expect(lint(profile(name)).filter(({ severity }) => severity === 'error')).toEqual([]);
    const vendor = catalogEntry(name)?.vendor ?? 'intel';
    expect(accept(name, { vendor, catalog: name })).toMatchObject({ accepted: true });
  });

  test('compiles its filter, and renders in every format in less than 1 MiB', () => {
    expect(compileFilter(profile(name)).ranges.length).toBeGreaterThan(0);
    const files = renderFiles({ profile: profile(name), digest: 'sha256:0' }, FORMATS);
    const size = Object.values(files).reduce((sum, text) => sum + text.length, 0);
    expect(Object.keys(files).length).toBeGreaterThanOrEqual(FORMATS.length);
    expect(size).toBeLessThan(1024 * 1024);
  });
});

describe.each(made.map(({ name }) => name))('%s, made of a model or a level', (name) => {
  const { vendor, data } = profile(name);
  const definitions = definitionsFor(vendor);

  test('lints without warnings', () => {
    expect(lint(profile(name)).filter(({ severity }) => severity !== 'note')).toEqual([]);
  });

  test('has neither nesting nor AMX nor Hyper-V, and requires little', () => {
    for (const option of OPTION_NAMES) expect(hasOption(data, option, definitions), option).toBe(false);
    expect(data.requiredMsrs.filter((index) => isVmxMsr(index) || isHyperV(definitions, index))).toEqual([]);
    // What Linux 5.10 does not list: MTRRs, IA32_XSS, PLATFORM_INFO as a feature, KVM's migration control.
    const later = [0x200, 0x250, 0x2ff, 0xce, 0xda0, 0x4b56_4d08];
    expect(data.requiredMsrs.filter((index) => later.includes(index))).toEqual([]);
  });

  test('has the XSAVE area of its components and tells bad news where it can', () => {
    const size = data.cpuid.find(
      ({ leaf, subleaf, register }) => leaf === 0xd && subleaf === 0 && register === 'ecx',
    );
    expect(size).toMatchObject({ mask: 0, value: xsaveSize(data) });
    const capabilities = data.featureMsrs.find(({ index }) => index === 0x10a);
    if (capabilities !== undefined) expect((capabilities.value >> 19n) & 1n).toBe(1n);
  });
});

describe('the levels', () => {
  test.each(['intel', 'amd'])(
    'of %s: each fits wherever the next does, and offers what it is called',
    (vendor) => {
      const names = ['v2', 'v3', 'v4'].map((level) => `x86-64-${level}-${vendor}`);
      const [second = '', third = '', fourth = ''] = names;
      expect(above(second)).toEqual(expect.arrayContaining([third, fourth]));
      expect(above(third)).toContain(fourth);
      expect(above(third)).not.toContain(second);
      for (const name of names) expect(`${abiLevelOf(profile(name).data) ?? ''}-${vendor}`).toBe(name);
    },
  );

  test('fit wherever an entry of a model of that level fits', () => {
    for (const { name, vendor } of made) {
      const level = abiLevelOf(profile(name).data);
      if (name !== `${level ?? ''}-${vendor}`) expect(above(`${level ?? ''}-${vendor}`)).toContain(name);
    }
  });
});

describe('versions of a model', () => {
  const later = made.flatMap((low) =>
    made
      .filter(
        (high) => /^(?!x86)(.+)-v\d+$/.exec(high.name)?.[1] === /^(?!x86)(.+)-v\d+$/.exec(low.name)?.[1],
      )
      .filter((high) => versionOf(high.name) > versionOf(low.name))
      .map((high) => [low.name, high.name] as const),
  );
  function versionOf(name: string): number {
    return Number(/\d+$/.exec(name)?.[0]);
  }

  test('fit only where those before them fit, but for the ones that take something out', () => {
    expect(later.length).toBeGreaterThan(20);
    const dropping = later
      .filter(([low, high]) => !above(low).includes(high))
      .map(([low, high]) => [high, low, excess(profile(low), profile(high)).map(({ name }) => name)]);
    expect(dropping).toEqual([
      ['epyc-rome-v4', 'epyc-rome-v1', ['xsaves']],
      ['epyc-rome-v4', 'epyc-rome-v2', ['xsaves']],
    ]);
  });

  test('no two fit exactly the same hosts', () => {
    for (const [low, high] of later) expect(fitsTheSame(profile(low), profile(high))).toBe(false);
  });
});

describe('the order', () => {
  test('is one: what is above what is above is above, and nothing is stronger than what is above it', () => {
    for (const [name, uppers] of order) {
      for (const upper of uppers) {
        expect(uppers).toEqual(expect.arrayContaining(above(upper).filter((each) => each !== name)));
        expect(strength(profile(name))).toBeLessThanOrEqual(strength(profile(upper)));
      }
    }
  });

  test('goes from generation to generation', () => {
    expect(above('haswell-v4')).toEqual(expect.arrayContaining(['broadwell-v4', 'icelake-server-v5']));
    expect(above('icelake-server-v5')).toContain('sapphirerapids-v3');
    expect(above('epyc-v3')).toEqual(expect.arrayContaining(['epyc-rome-v2', 'epyc-turin-v1']));
    // Sierra Forest has no AVX-512, and Ice Lake no AVX512_BF16 as Cooper Lake has.
    expect(above('x86-64-v4-intel')).not.toContain('sierraforest-v2');
    expect(above('cooperlake-v1')).not.toContain('icelake-server-v5');
  });

  test('is made up by its steps', () => {
    const steps = stepsOf(order);
    const reached = (name: string): Set<string> =>
      new Set((steps.get(name) ?? []).flatMap((upper) => [upper, ...reached(upper)]));
    for (const name of catalogNames()) expect([...reached(name)].sort()).toEqual([...above(name)].sort());
    expect(steps.get('x86-64-v2-intel')).toEqual(['x86-64-v3-intel']);
  });

  test('keeps the steps between entries that fit the same hosts', () => {
    const same = new Map([
      ['a', ['b', 'c']],
      ['b', ['a', 'c']],
      ['c', []],
    ]);
    expect(stepsOf(same)).toEqual(same);
  });
});
