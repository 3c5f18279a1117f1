/**
 * libvirt's XML: `<cpudata>` dumps become snapshots; a `<cpu>` (of a domain, of the host's capabilities, of domain
 * capabilities) is a named model with features, a profile. Source: docs/formatdomain.rst, "CPU model and topology".
 */
import { InputError } from '../model/input-error.ts';
import { quoted } from '../model/quoted.ts';
import { onlyFile, type ImportFile, type Imported, type ImportOptions } from './imported.ts';
import { importLibvirtCpu } from './libvirt-cpu.ts';
import { importCpudata } from './libvirt-cpudata.ts';
import { parseXml, type XmlElement } from './xml.ts';

/** The CPU in one of libvirt's files. Throws InputError naming file and line. */
export function importLibvirt(files: readonly ImportFile[], options: ImportOptions = {}): Imported {
  const file = onlyFile(files);
  const root = parseXml(file.name, file.text);
  if (root.name === 'cpudata') return importCpudata(file.name, root, options);
  return importLibvirtCpu(file.name, ...cpuElement(file.name, root), options);
}

/** Where the CPU stands in each of libvirt's documents, and whether it is the host's own. */
function cpuElement(file: string, root: XmlElement): [element: XmlElement, host: boolean] {
  const within = (element: XmlElement, name: string): XmlElement => {
    const found = element.children.find((child) => child.name === name);
    if (found !== undefined) return found;
    throw new InputError(`${file} line ${element.line}`, `<${element.name}> has no <${name}>`);
  };
  switch (root.name) {
    case 'cpu':
      return [root, !root.attributes.has('mode') && !root.attributes.has('match')];
    case 'domain':
      return [within(root, 'cpu'), false];
    case 'capabilities':
      return [within(within(root, 'host'), 'cpu'), true];
    case 'domainCapabilities': {
      const cpu = within(root, 'cpu');
      const mode = cpu.children.find(({ attributes }) => attributes.get('name') === 'host-model');
      if (mode?.attributes.get('supported') !== 'yes')
        throw new InputError(`${file} line ${cpu.line}`, 'has no supported <mode name="host-model">');
      return [mode, false];
    }
    default:
      throw new InputError(
        `${file} line ${root.line}`,
        `${quoted(`<${root.name}>`)} is none of <cpu>, <cpudata>, <capabilities>, <domainCapabilities> and <domain>`,
      );
  }
}
