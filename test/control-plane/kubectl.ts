import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs kubectl with `args`; an exit code other than 0 is a result, not an error. Throws when it does not start. */
export function runKubectl(
  binary: string,
  kubeconfig: string,
  args: readonly string[],
  stdin?: string,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, {
      // kubectl caches what the server offers: beside the kubeconfig, so that it goes with the server.
      env: {
        KUBECONFIG: kubeconfig,
        KUBECACHEDIR: join(kubeconfig, '..', 'kubectl-cache'),
        HOME: '/nonexistent',
      },
      stdio: 'pipe',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({
        code: code ?? 128,
        stdout,
        stderr: signal === null ? stderr : `${stderr}ended by ${signal}\n`,
      });
    });
    // A command that does not read its input may be gone before all of it is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}
