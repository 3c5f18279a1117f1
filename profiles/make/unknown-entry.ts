/** What to say to somebody who asks for a catalogue entry that there is not. */
import { catalogNames, entryCovering } from '../catalog/catalog.ts';
import { nearest } from './derive-near-names.ts';

/** Names the entry that stands for the model of that name, or the nearest names, or how many there are. */
export function unknownEntry(name: string): string {
  const says = `there is no profile "${name.slice(0, 60)}" in the catalogue`;
  const covering = entryCovering(name);
  if (covering !== undefined) return `${says}; "${covering}" stands for it: exactly the same hosts fit`;
  const near = nearest(name, catalogNames());
  return near.length > 0
    ? `${says}; there is ${near.join(', ')}`
    : `${says}, which has ${catalogNames().length}, such as skylake and icelake-server-v5`;
}
