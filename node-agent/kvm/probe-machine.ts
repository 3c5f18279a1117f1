/** A machine's snapshot is what every one of its CPUs answers: a VM may run on any of them. */
import { toHex } from '../../profiles/model/numbers.ts';
import { REGISTERS } from '../../profiles/model/registers.ts';
import type { CpuidEntry, Snapshot } from '../../profiles/model/snapshot.ts';
import { systemClock, type Clock } from '../../kube/clock.ts';
import { allowedCpus, onCpu } from './affinity.ts';
import { KvmError } from './errors.ts';
import { prepare, probeHere, type Machine, type Probe, type ProbeOptions } from './probe.ts';

export interface CpuProbe extends Probe {
  readonly cpu: number;
}

export interface MachineProbe {
  readonly snapshot: Snapshot;
  /** Every CPU that answered, rising, with the milliseconds it spent in the kernel. */
  readonly cpus: readonly { readonly cpu: number; readonly ioctlMilliseconds: number }[];
}

export interface MachineOptions extends ProbeOptions {
  /** For a pause between CPUs, in which the event loop does its other work. */
  readonly clock?: Pick<Clock, 'monotonic' | 'delay'> | undefined;
}

/**
 * Probes every CPU this thread may run on. Throws KvmError CpusDiffer, naming two CPUs and the first difference, when
 * they do not all answer the same; and every KvmError of a probe. The thread's CPU mask is as before in any case.
 */
export async function probeEveryCpu(options: MachineOptions = {}): Promise<MachineProbe> {
  const machine = await prepare(options);
  const clock = options.clock ?? systemClock;
  let first: CpuProbe | undefined;
  const cpus: { cpu: number; ioctlMilliseconds: number }[] = [];
  for (const cpu of allowedCpus(machine.kvm)) {
    if (first !== undefined) await clock.delay(0);
    const probed = probeCpu(machine, cpu);
    if (probed === undefined) continue;
    first ??= probed;
    expectSame(first, probed);
    cpus.push({ cpu, ioctlMilliseconds: probed.ioctlMilliseconds });
  }
  if (first === undefined)
    throw new KvmError('AffinityRefused', 'no CPU that this thread may run on could be probed');
  return { snapshot: first.snapshot, cpus };
}

/**
 * Probes one CPU: the first allowed one after `after`, and from the last on to the first again, so that a probe per
 * interval visits all of them. Throws KvmError.
 */
export async function probeOneCpu(
  options: ProbeOptions & { readonly after?: number | undefined } = {},
): Promise<CpuProbe> {
  const machine = await prepare(options);
  const after = options.after ?? -1;
  const cpus = allowedCpus(machine.kvm);
  const inTurn = [...cpus.filter((cpu) => cpu > after), ...cpus.filter((cpu) => cpu <= after)];
  for (const cpu of inTurn) {
    const probed = probeCpu(machine, cpu);
    if (probed !== undefined) return probed;
  }
  throw new KvmError('AffinityRefused', 'no CPU that this thread may run on could be probed');
}

function probeCpu(machine: Machine, cpu: number): CpuProbe | undefined {
  const done = onCpu(machine.kvm, cpu, () => probeHere(machine));
  return done && { cpu, ...done.value };
}

/** Throws KvmError CpusDiffer when the two CPUs do not answer the same. */
export function expectSame(left: CpuProbe, right: CpuProbe): void {
  const difference = firstDifference(left.snapshot, right.snapshot);
  if (difference === undefined) return;
  throw new KvmError('CpusDiffer', `CPU ${left.cpu} and CPU ${right.cpu} answer differently: ${difference}`);
}

/** `CPUID leaf 0x7 subleaf 0x0 EBX is 0x1 and 0x3`, or `undefined` when both snapshots say the same. */
export function firstDifference(left: Snapshot, right: Snapshot): string | undefined {
  return (
    entriesDiffer(left.cpuid, right.cpuid) ??
    valuesDiffer('feature MSR', byIndex(left), byIndex(right)) ??
    valuesDiffer('KVM_GET_MSR_INDEX_LIST entry', listed(left), listed(right)) ??
    valuesDiffer('', capabilities(left), capabilities(right))
  );
}

function entriesDiffer(left: readonly CpuidEntry[], right: readonly CpuidEntry[]): string | undefined {
  const place = (entry: CpuidEntry): string => `leaf ${toHex(entry.leaf)} subleaf ${toHex(entry.subleaf)}`;
  const registers = (entries: readonly CpuidEntry[]) =>
    new Map(
      entries.flatMap((entry) =>
        REGISTERS.map(
          (register) => [`${place(entry)} ${register.toUpperCase()}`, toHex(entry[register])] as const,
        ),
      ),
    );
  return valuesDiffer('CPUID', registers(left), registers(right));
}

const byIndex = (snapshot: Snapshot): ReadonlyMap<string, string> =>
  new Map(snapshot.featureMsrs?.map((msr) => [toHex(msr.index), toHex(msr.value)]));

const listed = (snapshot: Snapshot): ReadonlyMap<string, string> =>
  new Map(snapshot.msrIndices?.map((index) => [toHex(index), 'there']));

const capabilities = ({
  capabilities: { msrFilter, userSpaceMsr, nested },
}: Snapshot): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({ msrFilter, userSpaceMsr, nested }).map(([name, on]) => [
      `capability ${name}`,
      String(on),
    ]),
  );

function valuesDiffer(
  kind: string,
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): string | undefined {
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(name) ?? 'absent', right.get(name) ?? 'absent'];
    if (one !== other) return `${kind} ${name} is ${one} and ${other}`.trimStart();
  }
  return undefined;
}
