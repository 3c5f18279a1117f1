/** Records hosts into test/hosts/*.json. README.md beside this file says what it needs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { probeEveryCpu } from '../../../node-agent/kvm/probe-machine.ts';
import { readProvenance } from '../../../node-agent/kvm/provenance.ts';
import { snapshotToWire } from '../../../profiles/model/snapshot.ts';
import { boot, qemuVersion } from './boot.ts';
import { buildInitrd } from './initrd.ts';
import { MACHINES, type RecordedMachine } from './machines.ts';
import { manifestOf, recording, type Circumstances, type Recording } from './manifest.ts';
import { newestPackage, unpack, withDependencies } from './packages.ts';

const { values: flags } = parseArgs({ options: { pvm: { type: 'boolean' }, work: { type: 'string' } } });
const work = flags.work ?? join(tmpdir(), 'record-hosts');

function write(file: string, recorded: Recording, circumstances: Circumstances): void {
  writeFileSync(join('test/hosts', `${file}.json`), manifestOf(recorded, circumstances));
  console.log(
    `${file}: ${circumstances.cpu} on ${circumstances.kernel}, ${recorded.snapshot.cpuid.length} CPUID entries`,
  );
}

async function recordThisMachine(): Promise<void> {
  const { snapshot } = await probeEveryCpu();
  const provenance = await readProvenance();
  const machine = readFileSync('/proc/version', 'utf8').split(' ').slice(0, 3).join(' ');
  write('pvm-epyc-genoa', recording.parse({ snapshot: snapshotToWire(snapshot), provenance }), {
    how: 'KVM ioctls on a microVM whose KVM is PVM (kvm_pvm, no hardware virtualization), by test/hosts/record/main.ts --pvm',
    cpu: `${provenance.cpu}, family ${provenance.family} model ${provenance.model} stepping ${provenance.stepping}`,
    kernel: machine,
  });
}

async function recordEmulated(): Promise<void> {
  const qemu = unpack(join(work, 'qemu'), withDependencies(['qemu-system-x86', 'busybox-static']));
  const version = await qemuVersion(qemu);
  const packages: Readonly<Record<RecordedMachine['kernel'], string>> = {
    '6.1': newestPackage('linux-image-6.1.0', /^linux-image-6\.1\.0-\d+-cloud-amd64$/),
    '6.12': newestPackage('linux-image-6.12', /^linux-image-6\.12\.\d+\+deb12-cloud-amd64$/),
  };
  for (const [name, kernelPackage] of Object.entries(packages)) {
    const kernel = unpack(join(work, kernelPackage), [kernelPackage]);
    const initrd = await buildInitrd(work, name, { kernel, busybox: qemu });
    for (const machine of MACHINES.filter((candidate) => candidate.kernel === name)) {
      const output = await boot(machine, { qemu, kernel, initrd, output: join(work, `${machine.file}.out`) });
      const recorded = recording.parse(JSON.parse(/^\{.*\}/m.exec(output)?.[0] ?? 'null'));
      write(machine.file, recorded, {
        how: `KVM ioctls in a guest of QEMU's software emulation (-accel tcg, -smp 2): mainline kvm_amd on an emulated CPU, not silicon; by test/hosts/record/main.ts`,
        cpu: machine.cpu,
        kernel: `${recorded.provenance.kernel} (Debian ${kernelPackage})`,
        qemu: version,
      });
    }
  }
}

await (flags.pvm === true ? recordThisMachine() : recordEmulated());
