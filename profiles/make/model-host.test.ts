import { describe, expect, test } from 'vitest';
import { CPU_MODELS, cpuModel } from '../definitions/models/models.ts';
import { check } from '../verdict/check.ts';
import type { CpuModel } from '../definitions/models/types.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { generate } from './generate.ts';
import { hostOfModel } from './model-host.ts';
import { recordedHosts } from '../../test/hosts/recorded-hosts.ts';

const model = (id: string): CpuModel => {
  const found = cpuModel(id);
  if (found === undefined) throw new Error(`no model ${id}`);
  return found;
};
const word = ({ cpuid }: Snapshot, leaf: number, subleaf: number, register: 'eax' | 'ebx' | 'ecx' | 'edx') =>
  cpuid.find((entry) => entry.leaf === leaf && entry.subleaf === subleaf)?.[register];

describe('the host that a model describes', () => {
  test('has the features of the model and those that KVM adds, and not those that it takes', () => {
    const host = hostOfModel(model('EPYC-Milan-v1'));
    expect(word(host, 0x7, 0, 'ebx')).toBe(0x219c_07a9);
    expect(word(host, 0x1, 0, 'eax')).toBe(0x00a0_0f11);
    // The model's 0x76da320b without MONITOR, with x2APIC and the hypervisor bit.
    expect(word(host, 0x1, 0, 'ecx')).toBe(0xf6fa_3203);
    // Without SVM.
    expect(word(host, 0x8000_0001, 0, 'ecx')).toBe(0x00c0_03f1);
    expect(word(host, 0x4000_0001, 0, 'eax')).toBe(0x0100_7efb);
  });

  test('describes state components as the vendor lays them out', () => {
    const state = (id: string) =>
      [0, 2, 5, 6, 7].map((subleaf) => {
        const host = hostOfModel(model(id));
        return [word(host, 0xd, subleaf, 'eax'), word(host, 0xd, subleaf, 'ebx')];
      });
    expect(state('Icelake-Server-v5').slice(1)).toEqual([
      [256, 576],
      [64, 1088],
      [512, 1152],
      [1024, 1664],
    ]);
    // As the recorded Zen 4 has them.
    const genoa = recordedHosts().find(({ file }) => file === 'pvm-epyc-genoa')?.snapshot;
    if (genoa === undefined) throw new Error('the recorded Genoa is missing');
    expect(state('EPYC-Genoa-v1').slice(1)).toEqual(
      [2, 5, 6, 7].map((subleaf) => [word(genoa, 0xd, subleaf, 'eax'), word(genoa, 0xd, subleaf, 'ebx')]),
    );
    expect(state('Haswell-v4').slice(2)).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  test('has IA32_ARCH_CAPABILITIES where the model has it, with RRSBA told', () => {
    const capabilities = (id: string) =>
      hostOfModel(model(id)).featureMsrs?.find(({ index }) => index === 0x10a)?.value;
    expect(capabilities('SapphireRapids-v2')).toBe(0xe16bn | (1n << 19n));
    expect(capabilities('Skylake-Server-v5')).toBeUndefined();
  });

  test.each(CPU_MODELS.map(({ id }) => id))('%s: a profile made of it is Yes on it', (id) => {
    const host = hostOfModel(model(id));
    const { vendor, data, warnings } = generate(id.toLowerCase(), host);
    expect(warnings).toEqual([]);
    expect(check({ vendor, data, filter: 'closed' }, host)).toEqual({ compatible: 'Yes', findings: [] });
  });
});
