import { chmod, mkdtemp, rename, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.ts';
import { FakeClock } from './fake-clock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kube-config-'));
});
afterEach(() => rm(directory, { recursive: true }));

const file = async (name: string, text: string): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
};
const CA = '-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const kubeconfig = (user: string, cluster = '', extra = ''): string => `
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: here
  cluster: {server: "https://127.0.0.1:6443", ${cluster}}
users:
- name: me
  user: {${user}}
contexts:
- name: one
  context: {cluster: here, user: me, namespace: ns}
- name: two
  context: {cluster: elsewhere, user: me}
${extra}`;
const load = async (path: string, context?: string) => loadConfig({ env: {}, kubeconfig: path, context });

describe('a kubeconfig', () => {
  it('gives server, namespace, CA and token of its current context', async () => {
    const path = await file(
      'config',
      kubeconfig('token: t', `certificate-authority-data: ${base64(CA)}, tls-server-name: kubernetes`),
    );
    const config = await load(path);
    expect(config.server.href).toBe('https://127.0.0.1:6443/');
    expect(config).toMatchObject({
      source: `kubeconfig ${path}, context one`,
      namespace: 'ns',
      tlsServerName: 'kubernetes',
      insecureSkipTlsVerify: false,
    });
    expect(await config.credentials()).toMatchObject({ ca: CA, token: 't', certificate: undefined });
  });

  it('finds files beside itself, and follows them', async () => {
    const key = '-----BEGIN KEY-----\n';
    await file('ca.pem', CA);
    await file('client.pem', CA);
    await file('client.key', key);
    await file('token', 'first\n');
    const path = await file(
      'config',
      kubeconfig(
        'tokenFile: token, client-certificate: client.pem, client-key: client.key',
        'certificate-authority: ca.pem',
      ),
    );
    const config = await load(path);
    expect(await config.credentials()).toEqual({ ca: CA, certificate: CA, key, token: 'first' });
    await file('token.new', 'second-one\n');
    await rename(join(directory, 'token.new'), join(directory, 'token'));
    expect((await config.credentials()).token).toBe('second-one');
  });

  it('comes from KUBECONFIG, several files merged, the first to name something wins', async () => {
    const first = await file('first', 'users:\n- name: me\n  user: {token: mine}\n');
    const second = await file('second', kubeconfig('token: theirs'));
    const missing = join(directory, 'missing');
    const config = await loadConfig({ env: { KUBECONFIG: `${first}:${missing}:${second}` } });
    expect((await config.credentials()).token).toBe('mine');
  });

  it('of the home directory counts only where that is given', async () => {
    await mkdir(join(directory, '.kube'));
    await file('.kube/config', kubeconfig('token: home'));
    const config = await loadConfig({ env: {}, home: directory });
    expect((await config.credentials()).token).toBe('home');
    await expect(loadConfig({ env: {} })).rejects.toThrow('no cluster: give --kubeconfig or KUBECONFIG');
  });

  it.each<[string, string, RegExp]>([
    [
      'auth-provider',
      kubeconfig('auth-provider: {name: gcp}'),
      /user me: auth-provider is not supported; use a token/,
    ],
    ['password', kubeconfig('username: a, password: b'), /user me: username and password are not supported/],
    ['impersonation', kubeconfig('token: t, as: root'), /user me: impersonation/],
    ['proxy', kubeconfig('token: t', 'proxy-url: "http://p"'), /cluster here: proxy-url is not supported/],
    [
      'half a pair',
      kubeconfig(`client-certificate-data: ${base64(CA)}`),
      /user me: client-certificate and client-key go together/,
    ],
    [
      'no PEM',
      kubeconfig('token: t', 'certificate-authority-data: aGVsbG8='),
      /certificate-authority-data is not a PEM text/,
    ],
    ['no file', kubeconfig('tokenFile: nowhere'), /user me: tokenFile cannot be read .*ENOENT/],
    ['wrong type', kubeconfig('token: [1]'), /user me: token: /],
    ['no YAML', '{', /: not YAML \(/],
    ['a list', '- 1', /: not a kubeconfig: /],
    ['empty', '', /: no current-context; choose one with --context/],
    [
      'exec version',
      kubeconfig('exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}'),
      /user me: exec.apiVersion: must be/,
    ],
    [
      'exec terminal',
      kubeconfig('exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}'),
      /wants a terminal/,
    ],
  ])('with %s gets one clear error that names the file', async (_, text, message) => {
    const path = await file('config', text);
    const error: unknown = await load(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    const { message: line } = error as ConfigError;
    expect(line).toMatch(message);
    expect(line.startsWith(path)).toBe(true);
    expect(line).not.toContain('\n');
  });

  it('names what there is when a context or a cluster is missing', async () => {
    const path = await file('config', kubeconfig('token: t'));
    await expect(load(path, 'three')).rejects.toThrow(
      `${path}: there is no context "three"; there is one, two`,
    );
    await expect(load(path, 'two')).rejects.toThrow('there is no cluster "elsewhere"; there is here');
    await expect(load(join(directory, 'absent'))).rejects.toThrow('absent: cannot be read (ENOENT');
  });
});

describe('the service account of a pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };

  it('is read from its directory, and again when kubelet turns the link', async () => {
    for (const [version, token] of [
      ['v1', 'token-a'],
      ['v2', 'token-b'],
    ] as const) {
      await mkdir(join(directory, version));
      await file(`${version}/token`, token);
      await file(`${version}/ca.crt`, CA);
    }
    await symlink('v1', join(directory, '..data'));
    await symlink('..data/token', join(directory, 'token'));
    await symlink('..data/ca.crt', join(directory, 'ca.crt'));
    await file('namespace', 'ns\n');
    const config = await loadConfig({ env, serviceAccountDirectory: directory });
    expect(config.server.href).toBe('https://[fd00::1]:6443/');
    expect(config.namespace).toBe('ns');
    expect(await config.credentials()).toEqual({ ca: CA, token: 'token-a' });
    await symlink('v2', join(directory, '..next'));
    await rename(join(directory, '..next'), join(directory, '..data'));
    expect((await config.credentials()).token).toBe('token-b');
  });

  it('keeps the last token while the file is away or empty', async () => {
    await file('token', 'a');
    await file('ca.crt', CA);
    const config = await loadConfig({ env, serviceAccountDirectory: directory });
    await file('token', '');
    expect((await config.credentials()).token).toBe('a');
    await rm(join(directory, 'token'));
    config.forgetCredentials();
    expect((await config.credentials()).token).toBe('a');
  });

  it('says what to look for when it is not there', async () => {
    await expect(loadConfig({ env, serviceAccountDirectory: join(directory, 'none') })).rejects.toThrow(
      'automountServiceAccountToken',
    );
  });
});

describe('an exec plugin', () => {
  const plugin = async (script: string): Promise<void> => {
    await file('plugin', `#!/bin/sh\n${script}\n`);
    await chmod(join(directory, 'plugin'), 0o755);
  };
  const exec = (fields = ''): string =>
    kubeconfig(
      `exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [a], env: [{name: EXTRA, value: x}], installHint: get it, ${fields}}`,
    );
  const answer = (status: string): string =>
    `echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{${status}}}'`;

  it('is run with the environment, once until its credentials expire or are refused', async () => {
    const clock = new FakeClock('2026-01-01T00:00:00Z');
    await plugin(
      `echo run >> "$HOME_OF_TEST/runs"; count=$(wc -l < "$HOME_OF_TEST/runs")\n` +
        `echo "$1 $EXTRA $KUBERNETES_EXEC_INFO" > "$HOME_OF_TEST/seen"\n` +
        `echo "{\\"kind\\":\\"ExecCredential\\",\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"status\\":{\\"token\\":\\"t$count\\",\\"expirationTimestamp\\":\\"2026-01-01T01:00:00Z\\"}}"`,
    );
    const path = await file('config', exec('provideClusterInfo: true'));
    const env = { HOME_OF_TEST: directory, PATH: process.env['PATH'] };
    const config = await loadConfig({ env, kubeconfig: path, clock });
    const [one, two] = await Promise.all([config.credentials(), config.credentials()]);
    expect([one.token, two.token]).toEqual(['t1', 't1']);
    await clock.advance(59 * 60_000);
    expect((await config.credentials()).token).toBe('t1');
    await clock.advance(60_000);
    expect((await config.credentials()).token).toBe('t2');
    config.forgetCredentials();
    expect((await config.credentials()).token).toBe('t3');
    const { readFile } = await import('node:fs/promises');
    const [first, extra, ...info] = (await readFile(join(directory, 'seen'), 'utf8')).split(' ');
    expect([first, extra]).toEqual(['a', 'x']);
    expect(JSON.parse(info.join(' '))).toMatchObject({
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://127.0.0.1:6443/' } },
    });
  });

  it.each<[string, string, RegExp]>([
    ['fails', 'echo not logged in >&2; exit 7', /plugin failed with exit code 7: not logged in/],
    ['prints no JSON', 'echo secret', /did not print JSON/],
    ['prints something else', `echo '{"kind":"Pod"}'`, /printed no ExecCredential: kind/],
    ['gives nothing', answer(''), /gave neither a token nor a certificate/],
    ['gives half a pair', answer('"clientCertificateData":"x"'), /certificate without its key/],
  ])('that %s gets a clear error', async (_, script, message) => {
    await plugin(script);
    const config = await load(await file('config', exec()));
    const error = String(await config.credentials().catch((reason: unknown) => reason));
    expect(error).toMatch(message);
    expect(error).toContain('user me: exec plugin ./plugin');
    expect(error).not.toContain('secret');
  });

  it('that is missing shows its install hint', async () => {
    const config = await load(await file('config', exec()));
    await expect(config.credentials()).rejects.toThrow('plugin not found; get it');
  });
});
