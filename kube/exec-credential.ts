/** Credentials from a program that the kubeconfig names: client-go's exec plugins, ExecCredential v1 and v1beta1. */
import { execFile } from 'node:child_process';
import { isAbsolute, resolve } from 'node:path';
import * as z from 'zod';
import type { Clock } from './clock.ts';
import { ConfigError, type Credentials } from './cluster-config.ts';

/** The `exec` of a kubeconfig's user. */
export const execSchema = z.object({
  apiVersion: z.enum(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'], {
    error: 'must be client.authentication.k8s.io/v1 or v1beta1',
  }),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string().min(1), value: z.string() })).nullish(),
  installHint: z.string().nullish(),
  provideClusterInfo: z.boolean().nullish(),
  interactiveMode: z.enum(['Never', 'IfAvailable', 'Always']).nullish(),
});
export type ExecPlugin = z.infer<typeof execSchema>;

const answerSchema = z.object({
  kind: z.literal('ExecCredential'),
  apiVersion: z.string(),
  status: z.object({
    token: z.string().min(1).optional(),
    clientCertificateData: z.string().min(1).optional(),
    clientKeyData: z.string().min(1).optional(),
    expirationTimestamp: z.iso.datetime({ offset: true }).optional(),
  }),
});

export interface ExecCredentialOptions {
  readonly plugin: ExecPlugin;
  /** For messages: file and user. */
  readonly at: string;
  /** Of the kubeconfig: a command with a slash in it is relative to it. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly server: string;
  readonly ca: () => Promise<string | undefined>;
  readonly insecure: boolean;
}

const TIMEOUT_MS = 60_000;
/** Renewed so long before the plugin says that it expires. */
const EARLY_MS = 30_000;

/** Runs the program when there are no credentials, when they expire and when the server refused them; once at a time. */
export class ExecCredentialSource {
  readonly #options: ExecCredentialOptions;
  #cached: { credentials: Credentials; expires: number } | undefined;
  #running: Promise<Credentials> | undefined;

  constructor(options: ExecCredentialOptions) {
    this.#options = options;
    if (options.plugin.interactiveMode === 'Always')
      throw new ConfigError(
        `${options.at}: exec plugin ${options.plugin.command} wants a terminal (interactiveMode: Always); log in with a token instead`,
      );
  }

  /** @throws ConfigError when the program is missing, fails or answers something else. */
  async get(): Promise<Credentials> {
    if (this.#cached !== undefined && this.#options.clock.now().getTime() < this.#cached.expires)
      return this.#cached.credentials;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  forget(): void {
    this.#cached = undefined;
  }

  async #run(): Promise<Credentials> {
    const { plugin, at } = this.#options;
    const failure = `${at}: exec plugin ${plugin.command}`;
    const output = await this.#execute(failure);
    let value: unknown;
    try {
      value = JSON.parse(output);
    } catch {
      // The output may hold a token: it is not shown.
      throw new ConfigError(`${failure} did not print JSON`);
    }
    const answer = answerSchema.safeParse(value);
    if (!answer.success) {
      const [issue] = answer.error.issues;
      throw new ConfigError(
        `${failure} printed no ExecCredential: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
      );
    }
    const { status, apiVersion } = answer.data;
    if (apiVersion !== plugin.apiVersion)
      throw new ConfigError(`${failure} answered in ${apiVersion}, not in ${plugin.apiVersion}`);
    if (status.token === undefined && status.clientCertificateData === undefined)
      throw new ConfigError(`${failure} gave neither a token nor a certificate`);
    if ((status.clientCertificateData === undefined) !== (status.clientKeyData === undefined))
      throw new ConfigError(`${failure} gave a certificate without its key, or the other way round`);
    const credentials: Credentials = {
      token: status.token,
      certificate: status.clientCertificateData,
      key: status.clientKeyData,
    };
    const expires =
      status.expirationTimestamp === undefined ? Infinity : Date.parse(status.expirationTimestamp) - EARLY_MS;
    this.#cached = { credentials, expires };
    return credentials;
  }

  async #execute(failure: string): Promise<string> {
    const { plugin, env, directory, server, ca, insecure } = this.#options;
    const command =
      plugin.command.includes('/') && !isAbsolute(plugin.command)
        ? resolve(directory, plugin.command)
        : plugin.command;
    const caData = plugin.provideClusterInfo === true && !insecure ? await ca() : undefined;
    const info = {
      kind: 'ExecCredential',
      apiVersion: plugin.apiVersion,
      spec: {
        interactive: false,
        ...(plugin.provideClusterInfo === true && {
          cluster: {
            server,
            'insecure-skip-tls-verify': insecure,
            'certificate-authority-data':
              caData === undefined ? undefined : Buffer.from(caData).toString('base64'),
          },
        }),
      },
    };
    const environment = {
      ...env,
      ...Object.fromEntries((plugin.env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
    };
    return new Promise((resolveOutput, reject) => {
      const child = execFile(
        command,
        plugin.args ?? [],
        { env: environment, timeout: TIMEOUT_MS, maxBuffer: 1024 * 1024, encoding: 'utf8' },
        (error, stdout, stderr) => {
          if (error === null) {
            resolveOutput(stdout);
            return;
          }
          const hint = typeof plugin.installHint === 'string' ? `; ${plugin.installHint.trim()}` : '';
          const why =
            error.code === 'ENOENT'
              ? `not found${hint}`
              : error.killed === true
                ? `did not answer within ${TIMEOUT_MS / 1000} s`
                : `failed with ${error.signal ?? `exit code ${String(error.code)}`}: ${stderr.trim().slice(-500)}`;
          reject(new ConfigError(`${failure} ${why}`));
        },
      );
      child.stdin?.end();
    });
  }
}
