/** Fuzz targets of other programs' formats: the importers, and the parsers of what is rendered for them. */
import { cloudHypervisorData } from '../../profiles/formats/cloud-hypervisor.ts';
import { firecrackerAdjustments } from '../../profiles/formats/firecracker.ts';
import { kvmFile } from '../../profiles/formats/kvm.ts';
import { importFrom, IMPORT_SOURCES, type ImportSource } from '../../profiles/import/import-from.ts';
import { parseManifest } from '../../crds/parse.ts';
import { profileManifest, snapshotManifest } from '../../cli/output/manifest.ts';
import { accept } from '../../profiles/make/accept.ts';
import { sizeProblem } from '../../profiles/make/limits.ts';
import { InputError } from '../../profiles/model/input-error.ts';
import { profileDataFromWire, profileDataToWire, type ProfileData } from '../../profiles/model/profile.ts';
import { snapshotFromWire } from '../../profiles/model/snapshot.ts';
import { check } from '../../profiles/verdict/check.ts';
import { recordedHosts } from '../hosts/recorded-hosts.ts';
import {
  catalogProfile,
  cpudata,
  cpuidDump,
  fingerprint,
  LIBVIRT_CAPABILITIES,
  LIBVIRT_DOMAIN_CPU,
  rendered,
  smallHost,
  smallProfile,
} from './seeds.ts';
import type { FuzzTarget } from './target.ts';

const documented = (error: Error): boolean => {
  if (!(error instanceof InputError)) return false;
  if (/[\u0000-\u001f\u007f-\u009f]/.test(error.message))
    throw new Error(`an error with a control character: ${JSON.stringify(error.message)}`);
  return true;
};

function useData(data: ProfileData): void {
  const wire = profileDataToWire(data);
  const again = profileDataToWire(profileDataFromWire(wire).data);
  if (JSON.stringify(again) !== JSON.stringify(wire)) throw new Error('the data is not normalised');
}

const host = recordedHosts().find(({ file }) => file.startsWith('linux-6.12'))?.snapshot ?? smallHost;
const small = rendered(smallProfile);
const whole = rendered(catalogProfile('sapphire-rapids'));
const ourTemplate = small['firecracker.json'] ?? '';
const pair = (files: Record<string, string>): string[] => [
  files['cloud-hypervisor.cpuid.json'] ?? '',
  files['cloud-hypervisor.msr.json'] ?? '',
];
const older = ([cpuid = '', msr = '']: readonly string[]): string[] => [
  cpuid.replace('{', '{"hypervisor":"Kvm","cpu_vendor":"Intel",'),
  msr
    .replace('{', '{"hypervisor_type":"Kvm","cpu_vendor":"Intel",')
    .replace('required_msrs', 'permitted_msrs'),
];

const SEEDS: Readonly<Record<ImportSource, readonly (readonly string[])[]>> = {
  cpuid: [
    [cpuidDump(smallHost.cpuid)],
    [cpuidDump(smallHost.cpuid, 'CPU 0:') + cpuidDump(smallHost.cpuid, 'CPU 1:')],
    [cpuidDump(host.cpuid)],
  ],
  firecracker: [[ourTemplate], [JSON.stringify(fingerprint(smallHost.cpuid, [{ index: 0x10a, value: 1n }]))]],
  'cloud-hypervisor': [pair(small), older(pair(small)), pair(whole)],
  libvirt: [[LIBVIRT_DOMAIN_CPU], [LIBVIRT_CAPABILITIES], [cpudata(smallHost.cpuid)]],
  qemu: [['SapphireRapids-v2,+vmx,-avx512f,enforce,hv-relaxed=on,phys-bits=40'], ['EPYC-Milan,svm=off,+pku']],
};

const importTargets = IMPORT_SOURCES.map((source): FuzzTarget => ({
  name: `import-${source}`,
  seeds: SEEDS[source],
  mutations: ['firecracker', 'cloud-hypervisor'].includes(source) ? ['text', 'json', 'shape'] : ['text'],
  run: (texts) => {
    const files = texts.map((text, i) => ({ name: `file-${i}`, text }));
    const imported = importFrom(source, files, { vendor: undefined });
    if (imported.notKnown.length === 0) throw new Error('it says that it knows everything');
    if (imported.kind === 'snapshot') {
      const manifest = parseManifest(snapshotManifest(imported.snapshot));
      if (manifest.kind !== 'CpuSnapshot') throw new Error('not a CpuSnapshot');
      if (check(smallProfile, snapshotFromWire(manifest.spec)).compatible === 'Yes')
        throw new Error('an import is Yes');
      return;
    }
    useData(imported.data);
    const data = profileDataToWire(imported.data);
    accept('imported', { vendor: imported.vendor, data });
    if (sizeProblem(data) === undefined)
      parseManifest(profileManifest('imported', { vendor: imported.vendor, data }));
  },
  documented,
}));

const formatTargets: readonly FuzzTarget[] = [
  {
    name: 'format-cloud-hypervisor',
    seeds: [pair(small), pair(whole)],
    mutations: ['text', 'json', 'shape'],
    run: ([cpuid = '', msr = '']) => useData(cloudHypervisorData({ cpuid, msr }).data),
    documented: (error) => error instanceof InputError,
  },
  {
    name: 'format-firecracker',
    seeds: [[ourTemplate]],
    mutations: ['text', 'json', 'shape'],
    run: ([text = '']) => useData({ ...firecrackerAdjustments(text), requiredMsrs: [] }),
    documented: (error) => error instanceof InputError,
  },
  {
    name: 'format-kvm',
    seeds: [[small['kvm.json'] ?? '']],
    mutations: ['text', 'json', 'shape'],
    run: ([text = '']) => {
      const { data, saved } = kvmFile(text);
      useData(data);
      const all = [...saved.always, ...saved.whereListed, ...saved.whereReadable];
      if (!all.every((index) => Number.isInteger(index) && index >= 0 && index <= 0xffff_ffff))
        throw new Error('saved MSRs that are no MSRs');
    },
    documented: (error) => error instanceof InputError,
  },
];

export const FOREIGN_TARGETS: readonly FuzzTarget[] = [...importTargets, ...formatTargets];
