/** A QEMU machine without disks, driven over QMP on a Unix socket in a directory of its own. Everything has a deadline. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';

const DEADLINE_MS = 30_000;

export interface MachineRequest {
  readonly qemu: string;
  readonly accelerator: 'kvm' | 'tcg';
  /** The value of `-cpu`, handed over as one argument without a shell. */
  readonly cpu: string;
}

/** QEMU ended before it answered: what it wrote to stderr. */
export class QemuRefused extends Error {
  override readonly name = 'QemuRefused';
}

export interface FeatureWord {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: string;
  readonly features: number;
}

/** The words of the first CPU that QEMU has features for, and properties of it. */
export interface RunningCpu {
  readonly status: string;
  readonly words: readonly FeatureWord[];
  readonly property: (name: string) => Promise<unknown>;
}

/** Starts the machine, hands its CPU to `look` and ends it by its pid. Throws QemuRefused when it does not start. */
export async function withMachine<T>(
  request: MachineRequest,
  look: (cpu: RunningCpu) => Promise<T> | T,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'qmp-'));
  const socketPath = join(directory, 'qmp');
  const child = spawn(
    request.qemu,
    [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-m', '64'],
      ...['-machine', `q35,accel=${request.accelerator}`, '-cpu', request.cpu],
      ...['-qmp', `unix:${socketPath},server=on,wait=off`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = endOf(child);
  const refused = ended.then(() => {
    throw new QemuRefused(stderr.trim());
  });
  // Only one of several waits may see it.
  refused.catch(() => undefined);
  try {
    // A connection that breaks while QEMU ends is QEMU's refusal, not a fault of the connection.
    const answer = session(socketPath, look).catch(async (error: unknown) => {
      await Promise.race([refused, delay(2_000)]);
      throw error;
    });
    return await Promise.race([answer, refused, deadline('QEMU', request.cpu)]);
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }
}

const endOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('close', () => {
      resolve();
    });
    child.once('error', () => {
      resolve();
    });
  });

async function deadline(what: string, detail: string): Promise<never> {
  await delay(DEADLINE_MS, undefined, { ref: false });
  throw new Error(`${what} did not answer within ${DEADLINE_MS} ms: ${detail}`);
}

const cpusReply = z.array(z.object({ 'qom-path': z.string() }));
const wordsReply = z.array(
  z.object({
    'cpuid-register': z.string(),
    'cpuid-input-eax': z.number(),
    'cpuid-input-ecx': z.number().optional(),
    features: z.number(),
  }),
);
const statusReply = z.object({ status: z.string() });

async function session<T>(path: string, look: (cpu: RunningCpu) => Promise<T> | T): Promise<T> {
  const socket = await connected(path);
  try {
    const ask = talker(socket);
    await ask('qmp_capabilities');
    const [cpu] = cpusReply.parse(await ask('query-cpus-fast'));
    if (cpu === undefined) throw new Error('QEMU has no CPU');
    const property = (name: string): Promise<unknown> =>
      ask('qom-get', { path: cpu['qom-path'], property: name });
    const words = wordsReply.parse(await property('feature-words')).map((word) => ({
      leaf: word['cpuid-input-eax'],
      subleaf: word['cpuid-input-ecx'] ?? 0,
      register: word['cpuid-register'].toLowerCase(),
      features: word.features,
    }));
    const { status } = statusReply.parse(await ask('query-status'));
    return await look({ status, words, property });
  } finally {
    socket.destroy();
  }
}

/** The socket appears when QEMU has set the machine up; until then connecting fails. */
async function connected(path: string): Promise<Socket> {
  for (let waited = 0; waited < DEADLINE_MS; waited += 20) {
    const socket = createConnection(path);
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => {
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (open) return socket;
    await delay(20);
  }
  throw new Error(`no QMP socket within ${DEADLINE_MS} ms`);
}

const reply = z.object({ return: z.unknown(), error: z.object({ desc: z.string() }).optional() }).partial();

/** One command after the other; greetings and events are passed over. */
function talker(socket: Socket): (command: string, args?: Record<string, unknown>) => Promise<unknown> {
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return async (command, args) => {
    socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`QMP ended before it answered ${command}`);
      const message: unknown = JSON.parse(value);
      const { error, ...rest } = reply.parse(message);
      if (error !== undefined) throw new Error(`QMP ${command}: ${error.desc}`);
      if ('return' in rest) return rest.return;
    }
  };
}
