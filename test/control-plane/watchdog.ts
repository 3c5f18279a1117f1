/**
 * Ends the servers and removes their directory when this process dies, however it dies: a shell in a session of
 * its own waits for the end of a pipe that only this process holds open.
 */
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

const SCRIPT = `
cat >/dev/null
for file in "$1"/*.pid; do
  [ -f "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null
done
rm -rf "$1"
`;

/** Guards `directory` (its `*.pid` files name the servers); the returned function ends the guard and cleans up. */
export function guard(directory: string): () => Promise<void> {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'control-plane-watchdog', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = new Promise<void>((resolve, reject) => {
    shell.once('exit', () => {
      resolve();
    });
    shell.once('error', reject);
  });
  ended.catch(() => undefined);
  // Neither the shell nor its pipe keeps this process running.
  shell.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return async () => {
    shell.ref();
    shell.stdin.end();
    await ended;
  };
}
