/** Fuzz targets of what the project itself writes and reads: manifests, wire forms, filters, files, the API server's stream. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { dump } from 'js-yaml';
import * as z from 'zod';
import { CliFailure, EXIT } from '../../cli/failure.ts';
import { documentsOf } from '../../cli/input/documents.ts';
import { parseManifest, parseObject, type KindName } from '../../crds/parse.ts';
import { ConfigError, loadConfig } from '../../kube/config.ts';
import { ApiError, ConnectionError } from '../../kube/errors.ts';
import { splitLines, watchEvents } from '../../kube/watch.ts';
import { accept } from '../../profiles/make/accept.ts';
import { InputError } from '../../profiles/model/input-error.ts';
import {
  profileDataFromWire,
  profileDataToWire,
  type ProfileDataWire,
} from '../../profiles/model/profile.ts';
import { snapshotFromWire, snapshotToWire, type SnapshotWire } from '../../profiles/model/snapshot.ts';
import { filterFromWire, filterToWire } from '../../profiles/msr-filter/wire.ts';
import { check } from '../../profiles/verdict/check.ts';
import { filterWire, manifests, smallHost, smallProfile } from './seeds.ts';
import type { FuzzTarget } from './target.ts';

const isInputError = (error: Error): boolean => error instanceof InputError;
const json = (value: unknown): string[] => [JSON.stringify(value)];
const parsed = ([text = '']: readonly string[]): unknown => JSON.parse(text);

/** What is taken must also be of use: nothing later may trip over it. */
function use(document: unknown): void {
  const manifest = parseManifest(document);
  if (manifest.kind === 'CpuProfile') {
    const acceptance = accept(manifest.metadata.name, manifest.spec);
    if (acceptance.accepted) check(acceptance.profile, smallHost);
  }
  if (manifest.kind === 'CpuSnapshot') check(smallProfile, snapshotFromWire(manifest.spec));
}

const manifestTargets = (Object.keys(manifests) as KindName[]).map((kind): FuzzTarget => ({
  name: `manifest-${kind}`,
  seeds: manifests[kind].map(json),
  mutations: ['json', 'shape'],
  run: (texts) => use(parsed(texts)),
  documented: isInputError,
}));

/** The server keeps apiVersion, kind and metadata in order. */
const served = z.looseObject({
  kind: z.enum(['CpuProfile', 'CpuSnapshot', 'NodeCpu', 'CpuBaseline']),
  metadata: z.looseObject({}),
});

const objectTarget: FuzzTarget = {
  name: 'object-from-the-server',
  seeds: Object.values(manifests).flat().map(json),
  mutations: ['json', 'shape'],
  run: (texts) => {
    const object = served.safeParse(parsed(texts));
    if (object.success) parseObject(object.data.kind, object.data);
  },
  documented: isInputError,
};

const documents: FuzzTarget = {
  name: 'documents',
  seeds: [
    ...Object.values(manifests)
      .flat()
      .map((manifest) => [dump(manifest)]),
    ...Object.values(manifests).flat().map(json),
    [`${dump(manifests.CpuProfile[0])}---\n${dump(manifests.CpuSnapshot[0])}`],
    json({ apiVersion: 'v1', kind: 'List', items: manifests.CpuProfile }),
  ],
  mutations: ['text'],
  run: async ([text = '']) => {
    for (const { content } of await documentsOf(text, 'file')) {
      try {
        use(content);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
      }
    }
  },
  documented: (error) => error instanceof CliFailure && error.exitCode === EXIT.badInput,
};

const snapshotWire: FuzzTarget = {
  name: 'snapshot-wire',
  seeds: manifests.CpuSnapshot.map((manifest) => json((manifest as { spec?: unknown }).spec)),
  mutations: ['shape'],
  run: (texts) => {
    const snapshot = snapshotFromWire(parsed(texts) as SnapshotWire);
    same(snapshotToWire(snapshotFromWire(snapshotToWire(snapshot))), snapshotToWire(snapshot));
  },
  documented: isInputError,
};

const profileWire: FuzzTarget = {
  name: 'profile-data-wire',
  seeds: [json(profileDataToWire(smallProfile.data))],
  mutations: ['shape'],
  run: (texts) => {
    const wire = profileDataToWire(profileDataFromWire(parsed(texts) as ProfileDataWire).data);
    same(profileDataToWire(profileDataFromWire(wire).data), wire);
  },
  documented: isInputError,
};

const filterTarget: FuzzTarget = {
  name: 'filter-wire',
  seeds: [json(filterWire)],
  mutations: ['json', 'shape'],
  run: (texts) => {
    const wire = filterToWire(filterFromWire(parsed(texts)));
    same(filterToWire(filterFromWire(wire)), wire);
  },
  documented: isInputError,
};

const certificate = Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n').toString(
  'base64',
);
const KUBECONFIG = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'a',
  clusters: [
    {
      name: 'c',
      cluster: {
        server: 'https://127.0.0.1:6443',
        'certificate-authority-data': certificate,
        'tls-server-name': 'kubernetes',
      },
    },
  ],
  contexts: [{ name: 'a', context: { cluster: 'c', user: 'u', namespace: 'n' } }],
  users: [
    {
      name: 'u',
      user: { token: 't', 'client-certificate-data': certificate, 'client-key-data': certificate },
    },
  ],
};
const EXEC = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: 'true',
  args: ['a'],
  env: [{ name: 'A', value: 'b' }],
  interactiveMode: 'Never',
};
let folder: string | undefined;

const kubeconfig: FuzzTarget = {
  name: 'kubeconfig',
  seeds: [
    [dump(KUBECONFIG)],
    json(KUBECONFIG),
    [dump({ ...KUBECONFIG, users: [{ name: 'u', user: { exec: EXEC } }] })],
    [
      dump({
        ...KUBECONFIG,
        users: [
          { name: 'u', user: { tokenFile: 'token', 'client-certificate': 'a.pem', 'client-key': 'b.pem' } },
        ],
      }),
    ],
  ],
  mutations: ['text', 'json'],
  run: async ([text = '']) => {
    if (folder === undefined) {
      folder = mkdtempSync(join(tmpdir(), 'fuzz-kubeconfig-'));
      for (const name of ['token', 'a.pem', 'b.pem'])
        writeFileSync(join(folder, name), '-----BEGIN CERTIFICATE-----\n');
    }
    const file = join(folder, 'config');
    writeFileSync(file, text);
    await loadConfig({ env: {}, kubeconfig: file });
  },
  documented: (error) => error instanceof ConfigError,
};

const EVENTS = [
  { type: 'ADDED', object: { metadata: { name: 'a', resourceVersion: '1' }, spec: { text: 'é💥' } } },
  { type: 'BOOKMARK', object: { metadata: { resourceVersion: '2' } } },
  { type: 'DELETED', object: { metadata: { name: 'a', resourceVersion: '3' } } },
  { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } },
].map((event) => JSON.stringify(event));

/** Pieces of changing length, as a connection gives them: characters are cut in two. */
function* pieces(text: string): Generator<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0, length = 1; start < bytes.length; start += length, length = (length * 7) % 61 || 1)
    yield bytes.subarray(start, start + length);
}

const watchLines: FuzzTarget = {
  name: 'watch-stream',
  seeds: [
    [`${EVENTS.slice(0, 3).join('\n')}\n`],
    [EVENTS.join('\r\n')],
    [`${EVENTS[0] ?? ''}\n${EVENTS[3] ?? ''}\n`],
  ],
  mutations: ['text', 'text'],
  run: async ([text = '']) => {
    const lines: string[] = [];
    for await (const line of splitLines(Readable.from(pieces(text)))) lines.push(line);
    const whole = Buffer.from(text).toString('utf8');
    if (lines.join('\n') !== whole.replace(/\n$/, '')) throw new Error('the lines are not those of the text');
    const answer = {
      status: 200,
      headers: {},
      body: Readable.from(pieces(text)),
      release: () => undefined,
      cutBy: () => undefined,
    };
    for await (const event of watchEvents('watch', answer, new AbortController().signal))
      if (typeof event.object.metadata.resourceVersion !== 'string')
        throw new Error('an event without resourceVersion');
  },
  documented: (error) => error instanceof ConnectionError || error instanceof ApiError,
};

function same(again: unknown, once: unknown): void {
  if (JSON.stringify(again) !== JSON.stringify(once))
    throw new Error('what was read is not what it reads back');
}

export const PROJECT_TARGETS: readonly FuzzTarget[] = [
  documents,
  ...manifestTargets,
  objectTarget,
  snapshotWire,
  profileWire,
  filterTarget,
  kubeconfig,
  watchLines,
];
