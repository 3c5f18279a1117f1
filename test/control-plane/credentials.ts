/** Keys, tokens and kubeconfigs of a control plane that lives for one demo or one test run. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { files } from './flags.ts';

/** Writes the service account keys and the token file; returns the token of the administrator. */
export function writeCredentials(directory: string): string {
  const { signingKey, verifyKey, tokens } = files(directory);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const token = randomBytes(16).toString('hex');
  writeSecret(signingKey, privateKey);
  writeSecret(verifyKey, publicKey);
  writeSecret(tokens, `${token},admin,admin,"system:masters"\n`);
  return token;
}

/** A kubeconfig with one cluster and one user who shows `token`. */
export function writeKubeconfig(
  path: string,
  cluster: { url: string; authority: string },
  user: string,
  token: string,
) {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'local', cluster: { server: cluster.url, 'certificate-authority': cluster.authority } },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'local', context: { cluster: 'local', user } }],
    'current-context': 'local',
  };
  writeSecret(path, `${JSON.stringify(config, null, 2)}\n`);
}

const writeSecret = (path: string, content: string): void => {
  writeFileSync(path, content, { mode: 0o600 });
};
