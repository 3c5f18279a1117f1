/** Where an observation comes from besides KVM: CPU, microcode, firmware, kernel, modules. The kernel is part of the CPU. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Provenance } from '../../crds/node-cpu.ts';
import { moduleParameters } from './module-parameters.ts';

/** Longest values that the NodeCpu object takes (crds/node-cpu.ts). */
const MAX_TEXT = 128;
const MAX_MICROCODE = 32;
const MAX_BOOT_ID = 64;

/**
 * Reads /proc and /sys below `root` (default `/`). Files that are absent or unreadable give absent fields: a container
 * or a machine without DMI is no error. Never throws.
 */
export async function readProvenance({ root = '/' }: { root?: string } = {}): Promise<Provenance> {
  const cpu = cpuFields(await firstProcessor(join(root, 'proc/cpuinfo')));
  const read = (file: string): Promise<string | undefined> => readText(join(root, file));
  const firmware = await Promise.all(
    ['bios_vendor', 'bios_version', 'bios_date'].map((name) => read(`sys/class/dmi/id/${name}`)),
  );
  const firmwareText = firmware
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
    .slice(0, MAX_TEXT);
  const bootId = await read('proc/sys/kernel/random/boot_id');
  const modules = await moduleParameters(root);
  return {
    cpu: (cpu.get('model name') ?? 'unknown').slice(0, MAX_TEXT),
    family: count(cpu.get('cpu family')),
    model: count(cpu.get('model')),
    stepping: count(cpu.get('stepping')),
    ...ifPresent('microcode', cpu.get('microcode')?.slice(0, MAX_MICROCODE)),
    ...ifPresent('firmware', firmwareText === '' ? undefined : firmwareText),
    kernel: ((await read('proc/sys/kernel/osrelease')) ?? 'unknown').slice(0, MAX_TEXT),
    ...ifPresent('modules', modules),
    ...ifPresent('bootId', bootId?.slice(0, MAX_BOOT_ID)),
    ...ifPresent('hypervisor', cpu.get('flags')?.split(' ').includes('hypervisor')),
  };
}

const ifPresent = <Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): Partial<Record<Key, Value>> =>
  // The one place where TypeScript cannot see that a computed key is the key.
  value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);

/** Family, model and stepping are decimal in /proc/cpuinfo; "unknown" is what it prints for a stepping it lacks. */
const count = (text: string | undefined): number =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;

function cpuFields(block: string): ReadonlyMap<string, string> {
  return new Map(
    block.split('\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const];
    }),
  );
}

/** The first block of /proc/cpuinfo, read no further: the file has one and a half kilobytes for every CPU. */
async function firstProcessor(file: string): Promise<string> {
  const bytes = Buffer.alloc(16_384);
  let filled = 0;
  try {
    const handle = await open(file);
    try {
      while (filled < bytes.length && !bytes.subarray(0, filled).includes('\n\n')) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, null);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } finally {
      await handle.close();
    }
  } catch {
    // Absent or unreadable: the fields are absent.
  }
  return bytes.toString('utf8', 0, filled).split('\n\n', 1)[0] ?? '';
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
