/** The importers by the name of their source. */
import { importCloudHypervisor } from './cloud-hypervisor.ts';
import { importCpuidDump } from './cpuid-dump.ts';
import { importFirecracker } from './firecracker.ts';
import type { ImportFile, Imported, ImportOptions } from './imported.ts';
import { importLibvirt } from './libvirt.ts';
import { importQemu } from './qemu.ts';

export const IMPORT_SOURCES = ['cpuid', 'firecracker', 'cloud-hypervisor', 'libvirt', 'qemu'] as const;
export type ImportSource = (typeof IMPORT_SOURCES)[number];

const IMPORTERS: Readonly<
  Record<ImportSource, (files: readonly ImportFile[], options: ImportOptions) => Imported>
> = {
  cpuid: importCpuidDump,
  firecracker: importFirecracker,
  'cloud-hypervisor': importCloudHypervisor,
  libvirt: importLibvirt,
  qemu: importQemu,
};

/** Reads the files of one machine or profile: two for Cloud Hypervisor, else one. Throws InputError. */
export const importFrom = (
  source: ImportSource,
  files: readonly ImportFile[],
  options: ImportOptions = {},
): Imported => IMPORTERS[source](files, options);
