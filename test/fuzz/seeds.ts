/** Valid inputs of every parser, small and made of the parts that matter. */
import { madeHost, madeProfile } from '../domain/made.ts';
import { recordedHosts } from '../hosts/recorded-hosts.ts';
import { catalogEntry } from '../../profiles/catalog/catalog.ts';
import { toBitmap } from '../../profiles/formats/firecracker-bitmap.ts';
import { renderFiles } from '../../profiles/formats/render.ts';
import {
  profileDataFromWire,
  profileDataToWire,
  profileDigest,
  type Profile,
} from '../../profiles/model/profile.ts';
import { snapshotToWire, type CpuidEntry } from '../../profiles/model/snapshot.ts';
import { REGISTERS } from '../../profiles/model/registers.ts';
import { compileFilter } from '../../profiles/msr-filter/compile.ts';
import { filterToWire } from '../../profiles/msr-filter/wire.ts';

const API_VERSION = 'cpuprofiles.dev/v1alpha1';

export const smallProfile: Profile = {
  ...madeProfile({
    cpuid: [
      [0x1, 0, 'ecx', 0x8020_2001, 0x8000],
      [0x7, 0, 'ebx', 0x9],
      [0xd, [2, 9], 'eax', 0x40],
      [0x8000_0001, 0, 'edx', 0x2010_0800],
    ],
    msrs: [[0x10a, 5n, 0n]],
    required: [0x10, 0x10a],
  }),
  filter: 'closed',
};

export function catalogProfile(name: string): Profile {
  const entry = catalogEntry(name);
  if (entry === undefined) throw new Error(`no catalogue entry ${name}`);
  return { vendor: entry.vendor, data: profileDataFromWire(entry.data).data, filter: 'closed' };
}

/** The files of the ConfigMap. */
export const rendered = (profile: Profile): Record<string, string> =>
  renderFiles({ profile, digest: profileDigest(profile) });

export const smallHost = madeHost({
  cpuid: [
    [0x1, 0, 'ecx', 0xf7fa_3203],
    [0x7, 0, 'ebx', 0xd19f_27eb],
    [0x8000_0000, 0, 'eax', 0x8000_0008],
  ],
  msrs: [[0x10a, 0x400_0000_0c08_e0ebn]],
  msrIndices: [0x10, 0x3a, 0x174],
});

const named = (kind: string, name: string, rest: object): object => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name },
  ...rest,
});

export const manifests = {
  CpuProfile: [
    named('CpuProfile', 'small', {
      spec: {
        vendor: 'intel',
        data: profileDataToWire(smallProfile.data),
        options: { nested: false },
        filter: { mode: 'closed' },
      },
    }),
    named('CpuProfile', 'named', {
      spec: {
        vendor: 'intel',
        catalog: 'skylake',
        delivery: {
          namespaceSelector: {
            matchLabels: { a: 'b' },
            matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }],
          },
          formats: ['kvm', 'qemu'],
        },
      },
      status: {
        digest: 'sha256:0',
        nodes: { compatible: 1, incompatible: 0, unknown: 0, held: 0 },
        configMaps: 1,
      },
    }),
  ],
  CpuSnapshot: [
    named('CpuSnapshot', 'small', { spec: snapshotToWire(smallHost) }),
    named('CpuSnapshot', 'amd', {
      spec: recordedHosts().find(({ snapshot }) => snapshot.vendor === 'amd')?.wire ?? {},
    }),
  ],
  NodeCpu: [
    named('NodeCpu', 'node-1', {
      spec: { release: ['small'] },
      status: {
        snapshot: 'intel-0123456789abcdef',
        observedAt: '2026-01-02T03:04:05Z',
        provenance: {
          cpu: 'c',
          family: 6,
          model: 143,
          stepping: 8,
          microcode: '0x1',
          kernel: '6.1',
          modules: { 'kvm_intel.nested': '1' },
          hypervisor: false,
        },
        verdicts: [
          {
            profile: 'small',
            digest: '0123456789abcdef',
            compatible: 'Yes',
            proven: false,
            since: '2026-01-02T03:04:05Z',
            reason: 'Compatible',
            findings: 0,
          },
        ],
        history: [{ at: '2026-01-02T03:04:05Z', snapshot: 'intel-0123456789abcdef', kernel: '6.1' }],
        conditions: [
          {
            type: 'Probed',
            status: 'True',
            reason: 'Probed',
            message: '',
            lastTransitionTime: '2026-01-02T03:04:05Z',
          },
        ],
      },
    }),
  ],
  CpuBaseline: [
    named('CpuBaseline', 'pool', {
      spec: { nodeSelector: { pool: 'a' }, profileName: 'pool-a-v1', options: { amx: false } },
      status: {
        nodes: 2,
        snapshots: 1,
        limitedBy: [{ where: '7.0:EBX', bits: [16], name: 'avx512f', snapshots: ['intel-0'] }],
      },
    }),
  ],
} as const;

export const filterWire = filterToWire(compileFilter(catalogProfile('skylake')));

const hex8 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
const dumpRow = ({ leaf, subleaf, eax, ebx, ecx, edx }: CpuidEntry): string =>
  `   ${hex8(leaf)} 0x${subleaf.toString(16).padStart(2, '0')}: eax=${hex8(eax)} ebx=${hex8(ebx)} ecx=${hex8(ecx)} edx=${hex8(edx)}\n`;

/** Entries as `cpuid -r` prints them. */
export const cpuidDump = (entries: readonly CpuidEntry[], header = 'CPU:'): string =>
  `${header}\n${entries.map(dumpRow).join('')}`;

/** Entries as a CPU fingerprint of Firecracker has them. */
export const fingerprint = (
  entries: readonly CpuidEntry[],
  msrs: readonly { index: number; value: bigint }[],
): object => ({
  firecracker_version: '1.13.0',
  kernel_version: '6.1.0',
  microcode_version: '0x1',
  bios_version: '1.0',
  bios_revision: '1.0',
  guest_cpu_config: {
    kvm_capabilities: [],
    cpuid_modifiers: entries.map((entry) => ({
      leaf: hex8(entry.leaf),
      subleaf: `0x${entry.subleaf.toString(16)}`,
      flags: 0,
      modifiers: REGISTERS.map((register) => ({
        register,
        bitmap: toBitmap(0n, BigInt(entry[register]), 32),
      })),
    })),
    msr_modifiers: msrs.map(({ index, value }) => ({
      addr: `0x${index.toString(16)}`,
      bitmap: toBitmap(0n, value, 64),
    })),
  },
});

export const cpudata = (entries: readonly CpuidEntry[]): string =>
  `<!-- a CPU -->\n<cpudata arch='x86'>\n${entries
    .map(
      ({ leaf, subleaf, eax, ebx, ecx, edx }) =>
        `  <cpuid eax_in='${hex8(leaf)}' ecx_in='${hex8(subleaf)}' eax='${hex8(eax)}' ebx='${hex8(ebx)}' ecx='${hex8(ecx)}' edx='${hex8(edx)}'/>\n`,
    )
    .join('')}  <msr index='0x10a' eax='0x0c08e0eb' edx='0x00000000'/>\n</cpudata>\n`;

export const LIBVIRT_DOMAIN_CPU = `<cpu mode='custom' match='exact' check='full'>
  <model fallback='forbid'>Skylake-Server-IBRS</model>
  <vendor>Intel</vendor>
  <feature policy='require' name='x2apic'/>
  <feature policy='disable' name='avx512f'/>
  <feature policy='optional' name='pku'/>
</cpu>
`;
export const LIBVIRT_CAPABILITIES = `<?xml version="1.0" encoding="UTF-8"?>
<capabilities>
  <host>
    <uuid>f71ae682-0000-0000-0000-000000000000</uuid>
    <cpu>
      <arch>x86_64</arch>
      <model>Westmere</model>
      <vendor>Intel</vendor>
      <topology sockets="1" cores="4" threads="1"/>
      <feature name="vmx"/>
      <feature name="rdtscp"/>
    </cpu>
  </host>
</capabilities>
`;
