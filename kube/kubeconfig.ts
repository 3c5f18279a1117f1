/** kubeconfig files: clusters, users and contexts by name, as kubectl reads them. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { loadAll } from 'js-yaml';
import * as z from 'zod';
import type { Clock } from './clock.ts';
import { type ClusterConfig, ConfigError, type Credentials } from './cluster-config.ts';
import { ExecCredentialSource, execSchema } from './exec-credential.ts';
import { FollowedFile } from './followed-file.ts';

const text = z.string().min(1);
/** kubectl writes empty strings for what is not set. */
const optional = z
  .string()
  .nullish()
  .transform((value) => (value === null || value === '' ? undefined : value));

const clusterSchema = z.object({
  server: text,
  'certificate-authority': optional,
  'certificate-authority-data': optional,
  'insecure-skip-tls-verify': z.boolean().nullish(),
  'tls-server-name': optional,
  'proxy-url': optional,
});

const userSchema = z.object({
  token: optional,
  tokenFile: optional,
  'client-certificate': optional,
  'client-certificate-data': optional,
  'client-key': optional,
  'client-key-data': optional,
  username: optional,
  password: optional,
  'auth-provider': z.unknown().optional(),
  as: optional,
  exec: execSchema.nullish(),
});
type User = z.infer<typeof userSchema>;

const contextSchema = z.object({ cluster: text, user: optional, namespace: optional });
const named = <Key extends string>(key: Key) =>
  z
    .array(z.looseObject({ name: text }))
    .nullish()
    .transform((entries) => (entries ?? []).map((entry) => ({ name: entry.name, value: entry[key] })));

const fileSchema = z.object({
  'current-context': optional,
  clusters: named('cluster'),
  users: named('user'),
  contexts: named('context'),
});

interface Entry {
  readonly file: string;
  readonly value: unknown;
}
interface Merged {
  context: string | undefined;
  readonly clusters: Map<string, Entry>;
  readonly users: Map<string, Entry>;
  readonly contexts: Map<string, Entry>;
}

export interface KubeconfigOptions {
  /** In order of precedence: the first that names something wins. */
  readonly files: readonly string[];
  readonly context: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** @throws ConfigError that names the file, the entry and what to do. */
export const loadKubeconfig = async (options: KubeconfigOptions): Promise<ClusterConfig> => {
  const { files, env, clock } = options;
  const merged = await mergeFiles(files);
  const list = files.join(':');
  const contextName = options.context ?? merged.context;
  if (contextName === undefined)
    throw new ConfigError(`${list}: no current-context; choose one with --context`);
  const context = find(merged.contexts, contextName, 'context', contextSchema, list);
  const cluster = find(merged.clusters, context.value.cluster, 'cluster', clusterSchema, context.file);
  const user =
    context.value.user === undefined
      ? undefined
      : find(merged.users, context.value.user, 'user', userSchema, context.file);
  const at = `${cluster.file}: cluster ${context.value.cluster}`;
  if (cluster.value['proxy-url'] !== undefined)
    throw new ConfigError(`${at}: proxy-url is not supported; use a server address that is reached directly`);
  if (!URL.canParse(cluster.value.server) || !/^https?:/.test(cluster.value.server))
    throw new ConfigError(`${at}: server ${JSON.stringify(cluster.value.server)} is not an https address`);
  const ca = await pem(
    cluster.file,
    at,
    'certificate-authority',
    cluster.value['certificate-authority-data'],
    cluster.value['certificate-authority'],
    clock,
  );
  const insecure = cluster.value['insecure-skip-tls-verify'] === true;
  const server = new URL(cluster.value.server);
  const auth =
    user === undefined
      ? anonymous
      : await userCredentials(user, `${user.file}: user ${context.value.user ?? ''}`, {
          env,
          clock,
          server: server.href,
          ca,
          insecure,
        });
  return {
    source: `kubeconfig ${list}, context ${contextName}`,
    server,
    namespace: context.value.namespace,
    tlsServerName: cluster.value['tls-server-name'],
    insecureSkipTlsVerify: insecure,
    credentials: async () => ({ ca: insecure ? undefined : await ca(), ...(await auth.get()) }),
    forgetCredentials: () => auth.forget(),
  };
};

const mergeFiles = async (files: readonly string[]): Promise<Merged> => {
  const merged: Merged = { context: undefined, clusters: new Map(), users: new Map(), contexts: new Map() };
  let read = 0;
  for (const file of files) {
    let content: string;
    try {
      content = await readFile(file, 'utf8');
    } catch (cause) {
      // Of a list, files that do not exist are left out, as kubectl does.
      if (files.length > 1 && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') continue;
      throw new ConfigError(
        `${file}: cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
        { cause },
      );
    }
    read += 1;
    boundYaml(file, content);
    let value: unknown;
    try {
      // load() would refuse an empty file, which kubectl takes for an empty configuration.
      [value] = loadAll(content);
    } catch (cause) {
      throw new ConfigError(
        `${file}: not YAML (${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)})`,
        { cause },
      );
    }
    const parsed = check(fileSchema, value ?? {}, `${file}: not a kubeconfig`);
    merged.context ??= parsed['current-context'];
    for (const kind of ['clusters', 'users', 'contexts'] as const)
      for (const entry of parsed[kind])
        if (!merged[kind].has(entry.name)) merged[kind].set(entry.name, { file, value: entry.value });
  }
  if (read === 0) throw new ConfigError(`${files.join(':')}: no such file`);
  return merged;
};

/** A file of a thousand clusters is far from either; a wrong file is refused before it is parsed. */
const MAX_LENGTH = 8 * 1024 * 1024;
const MAX_VALUES = 250_000;

/** Every value but the first of a list, map or line comes after one of these: what the parser makes of the file grows with them. */
const boundYaml = (file: string, content: string): void => {
  if (content.length > MAX_LENGTH)
    throw new ConfigError(`${file}: is larger than ${MAX_LENGTH / 1024 / 1024} MiB`);
  let values = 0;
  for (const mark of ['\n', '\r', ',', '[', '{'])
    for (let at = content.indexOf(mark); at >= 0; at = content.indexOf(mark, at + 1)) values += 1;
  if (values > MAX_VALUES)
    throw new ConfigError(`${file}: holds more than ${MAX_VALUES.toLocaleString('en')} values`);
};

const find = <T>(
  entries: Map<string, Entry>,
  name: string,
  what: string,
  schema: z.ZodType<T>,
  from: string,
): { file: string; value: T } => {
  const entry = entries.get(name);
  if (entry === undefined) {
    const known = [...entries.keys()].join(', ');
    throw new ConfigError(
      `${from}: there is no ${what} ${JSON.stringify(name)}${known === '' ? '' : `; there is ${known}`}`,
    );
  }
  return { file: entry.file, value: check(schema, entry.value, `${entry.file}: ${what} ${name}`) };
};

const check = <T>(schema: z.ZodType<T>, value: unknown, at: string): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new ConfigError(`${at}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'invalid'}`);
};

type Pem = () => Promise<string | undefined>;

/** A PEM text given in the file (base64) or as the name of another, which is followed. */
const pem = async (
  file: string,
  at: string,
  field: string,
  data: string | undefined,
  path: string | undefined,
  clock: Clock,
): Promise<Pem> => {
  if (data !== undefined) {
    const decoded = Buffer.from(data, 'base64').toString('utf8');
    if (!decoded.includes('-----BEGIN'))
      throw new ConfigError(`${at}: ${field}-data is not a PEM text in base64`);
    return () => Promise.resolve(decoded);
  }
  if (path === undefined) return () => Promise.resolve(undefined);
  const followed = new FollowedFile(resolve(dirname(file), path), clock);
  try {
    await followed.read();
  } catch (cause) {
    throw new ConfigError(
      `${at}: ${field} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
      { cause },
    );
  }
  return () => followed.read();
};

interface UserAuth {
  get(): Promise<Credentials>;
  forget(): void;
}
const anonymous: UserAuth = { get: () => Promise.resolve({}), forget: () => undefined };

const userCredentials = async (
  user: { file: string; value: User },
  at: string,
  surroundings: { env: KubeconfigOptions['env']; clock: Clock; server: string; ca: Pem; insecure: boolean },
): Promise<UserAuth> => {
  const { value, file } = user;
  const { clock } = surroundings;
  const remedy = 'use a token, a client certificate or an exec plugin';
  if (value['auth-provider'] !== undefined && value['auth-provider'] !== null)
    throw new ConfigError(`${at}: auth-provider is not supported; ${remedy}`);
  if (value.username !== undefined || value.password !== undefined)
    throw new ConfigError(`${at}: username and password are not supported; ${remedy}`);
  if (value.as !== undefined)
    throw new ConfigError(`${at}: impersonation ("as") is not supported; ${remedy}`);
  const certificate = await pem(
    file,
    at,
    'client-certificate',
    value['client-certificate-data'],
    value['client-certificate'],
    clock,
  );
  const key = await pem(file, at, 'client-key', value['client-key-data'], value['client-key'], clock);
  if (((await certificate()) === undefined) !== ((await key()) === undefined))
    throw new ConfigError(`${at}: client-certificate and client-key go together, one is missing`);
  if (value.exec !== undefined && value.exec !== null) {
    const plugin = new ExecCredentialSource({
      ...surroundings,
      plugin: value.exec,
      at,
      directory: dirname(file),
    });
    return { get: () => plugin.get(), forget: () => plugin.forget() };
  }
  // As in kubectl, the file wins over the token when both are there.
  const tokenFile =
    value.tokenFile === undefined
      ? undefined
      : new FollowedFile(resolve(dirname(file), value.tokenFile), clock);
  if (tokenFile !== undefined)
    await tokenFile.read().catch((cause: unknown) => {
      throw new ConfigError(
        `${at}: tokenFile cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
        { cause },
      );
    });
  return {
    get: async () => ({
      certificate: await certificate(),
      key: await key(),
      token: tokenFile === undefined ? value.token : (await tokenFile.read()).trim(),
    }),
    forget: () => tokenFile?.forget(),
  };
};
