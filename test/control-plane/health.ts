import { readFileSync } from 'node:fs';
import { request } from 'node:https';

/**
 * One GET of a health address: true for 200, false for everything else, be it that nobody listens yet or that the
 * certificate file is not written yet. Without `authority` the certificate is not checked (127.0.0.1 only).
 */
export function isHealthy(
  url: string,
  { authority, token }: { authority?: string; token?: string } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    let ca: Buffer | undefined;
    try {
      ca = authority === undefined ? undefined : readFileSync(authority);
    } catch {
      resolve(false);
      return;
    }
    const call = request(
      url,
      {
        agent: false,
        timeout: 5_000,
        ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      },
      (response) => {
        response.resume();
        response.once('close', () => {
          resolve(response.statusCode === 200);
        });
      },
    );
    call.once('timeout', () => call.destroy());
    call.once('error', () => {
      resolve(false);
    });
    call.end();
  });
}
