/** The operator against a real API server: what it makes of CpuProfiles, namespaces, pods and NodeCpus. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { CpuProfileSpec } from '../crds/cpu-profile.ts';
import { configMapName, CPU_PROFILES, NODE_CPUS } from '../crds/kinds.ts';
import { systemClock } from '../kube/clock.ts';
import { CONFIG_MAPS, EVENTS, NAMESPACES } from '../kube/core.ts';
import { silentLogger } from '../kube/silent-logger.ts';
import type { KubeObject, Resource } from '../kube/types.ts';
import { shortDigest } from '../profiles/model/canonical.ts';
import type { ConfigMapObject } from './controllers/profile/objects.ts';
import { Operator } from './operator.ts';
import { ENABLED, TestCluster } from '../test/operator/cluster.ts';
import { eventually } from '../test/operator/eventually.ts';

let cluster: TestCluster;
let running: Promise<void>;
const stop = new AbortController();

beforeAll(async () => {
  cluster = await TestCluster.start();
  const operator = new Operator({
    client: cluster.client,
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    version: 'test',
    namespace: 'default',
    identity: 'test',
    leaderElect: false,
    recheckMs: 300,
  });
  running = operator.run(stop.signal);
});

afterAll(async () => {
  stop.abort();
  await running;
  await cluster.stop();
});

const SKYLAKE: CpuProfileSpec = { vendor: 'intel', catalog: 'skylake' };

/** A profile that only goes to namespaces labelled with its own name, so that tests do not meet. */
const onlyTo = (label: string): CpuProfileSpec => ({
  ...SKYLAKE,
  delivery: { namespaceSelector: { matchLabels: { for: label } } },
});

describe('acceptance', () => {
  const register = { leaf: '0x7', subleaf: '0x0', register: 'ebx' as const };
  const inline = (...cpuid: NonNullable<CpuProfileSpec['data']>['cpuid']): CpuProfileSpec => ({
    vendor: 'intel',
    data: { cpuid },
  });

  test.each<[string, CpuProfileSpec, string, RegExp[]]>([
    [
      'overlap',
      inline({ ...register, mask: '0xff', value: '0x10' }),
      'InvalidData',
      [/cpuid\[0\]/, /0xff/, /0x10 overlap/],
    ],
    [
      'duplicate',
      inline({ ...register, mask: '0x0', value: '0x1' }, { ...register, mask: '0x0', value: '0x2' }),
      'InvalidData',
      [/leaf 0x7 subleaf 0x0 EBX appears twice with different values/],
    ],
    [
      'unknown-entry',
      { vendor: 'intel', catalog: 'no-such-cpu' },
      'UnknownCatalogEntry',
      [/no-such-cpu/, /skylake/],
    ],
    ['other-vendor', { vendor: 'amd', catalog: 'skylake' }, 'VendorDiffers', [/amd/, /intel/]],
    ['option', { ...SKYLAKE, options: { amx: true } }, 'OptionNotInProfile', [/amx/i]],
  ])('%s: refused, and the message says what to change', async (name, spec, reason, messages) => {
    await cluster.profile(`refused-${name}`, spec);
    const accepted = await cluster.reason(`refused-${name}`, 'Accepted', reason);
    expect(accepted.status).toBe('False');
    for (const message of messages) expect(accepted.message).toMatch(message);
    const ready = await cluster.reason(`refused-${name}`, 'Ready', reason);
    expect(ready).toMatchObject({ status: 'False', message: accepted.message });
    const { status } = await cluster.getProfile(`refused-${name}`);
    expect(status?.digest).toBeUndefined();
    expect(status?.configMaps).toBe(0);
    await eventually('a Warning event with that reason', async () =>
      (await eventsOf(`refused-${name}`)).some(
        ({ type, reason: why }) => type === 'Warning' && why === reason,
      ),
    );
  });

  test('a good profile beside the bad ones: digest, three conditions, events', async () => {
    await cluster.namespace('acceptance', { for: 'good' });
    await cluster.profile('good', onlyTo('good'));
    const ready = await cluster.reason('good', 'Ready', 'Ready');
    expect(ready.status).toBe('True');
    const { status, metadata } = await cluster.getProfile('good');
    expect(status?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['Accepted', 'Delivered', 'Ready']);
    expect(
      status?.conditions?.every(({ observedGeneration }) => observedGeneration === metadata.generation),
    ).toBe(true);
    await eventually('events Accepted and Delivered', async () => {
      const reasons = (await eventsOf('good')).map(({ reason }) => reason);
      return reasons.includes('Accepted') && reasons.includes('Delivered');
    });
  });

  test('no namespace selected: the condition says what to do', async () => {
    await cluster.profile('nowhere', onlyTo('nowhere'));
    const delivered = await cluster.reason('nowhere', 'Delivered', 'NoNamespaces');
    expect(delivered).toMatchObject({ status: 'False' });
    expect(delivered.message).toContain('kubectl label namespace');
    expect((await cluster.condition('nowhere', 'Accepted'))?.status).toBe('True');
  });

  test('a selector that cannot be evaluated is said, and delivers nothing', async () => {
    const delivery = { namespaceSelector: { matchExpressions: [{ key: 'k', operator: 'In' as const }] } };
    await cluster.profile('bad-selector', { ...SKYLAKE, delivery });
    const delivered = await cluster.reason('bad-selector', 'Delivered', 'InvalidSelector');
    expect(delivered.message).toContain('In of "k" needs values');
  });
});

describe('ConfigMaps', () => {
  test('are exactly what the contract says', async () => {
    await cluster.namespace('contract', { for: 'contract' });
    await cluster.profile('contract', onlyTo('contract'));
    const { metadata, immutable, data, binaryData } = await cluster.delivered('contract', 'contract');
    await cluster.reason('contract', 'Ready', 'Ready');
    const { status } = await cluster.getProfile('contract');
    expect(metadata.labels).toEqual({
      'app.kubernetes.io/managed-by': 'cpu-profile-operator',
      'cpuprofiles.dev/profile': 'contract',
    });
    expect(metadata.annotations).toEqual({ 'cpuprofiles.dev/digest': status?.digest });
    expect(metadata.ownerReferences).toBeUndefined();
    expect(metadata.finalizers).toBeUndefined();
    expect(immutable).toBe(true);
    expect(binaryData).toBeUndefined();
    expect(Object.keys(data ?? {})).toEqual(
      expect.arrayContaining([
        'profile.json',
        'kvm-msr-filter.json',
        'kvm.json',
        'cloud-hypervisor.cpuid.json',
        'fidelity.json',
      ]),
    );
    expect(JSON.parse(data?.['profile.json'] ?? '')).toMatchObject({ vendor: 'intel' });
  });

  test('follow namespaces that come, change labels and leave', async () => {
    await cluster.namespace('early', { for: 'follow' });
    await cluster.profile('follow', onlyTo('follow'));
    await cluster.delivered('follow', 'early');
    await cluster.namespace('late', { for: 'follow' });
    await cluster.delivered('follow', 'late');
    await cluster.namespace('labelled', {});
    await cluster.labelNamespace('labelled', { for: 'follow' });
    await cluster.delivered('follow', 'labelled');
    await eventually(
      'status counts three',
      async () => (await cluster.getProfile('follow')).status?.configMaps === 3,
    );
    await cluster.labelNamespace('early', {});
    await cluster.removed('follow', 'early');
    await eventually(
      'status counts two',
      async () => (await cluster.getProfile('follow')).status?.configMaps === 2,
    );
    expect((await cluster.reason('follow', 'Delivered', 'Delivered')).message).toMatch(
      /^2 of 2 selected namespaces/,
    );
  });

  test('the absent selector takes labelled namespaces, {} takes all, none takes one that terminates', async () => {
    await cluster.namespace('enabled', ENABLED);
    await cluster.namespace('plain', {});
    await cluster.namespace('leaving', ENABLED);
    // Without a namespace controller it stays Terminating.
    await cluster.client.delete(NAMESPACES, 'leaving');
    await cluster.profile('by-default', SKYLAKE);
    await cluster.profile('everywhere', { ...SKYLAKE, delivery: { namespaceSelector: {} } });
    await cluster.delivered('by-default', 'enabled');
    await cluster.delivered('everywhere', 'enabled');
    await cluster.delivered('everywhere', 'plain');
    await cluster.delivered('everywhere', 'kube-system');
    for (const profile of ['by-default', 'everywhere']) {
      await cluster.reason(profile, 'Ready', 'Ready');
      expect(await cluster.configMap(profile, 'leaving')).toBeUndefined();
    }
    expect(await cluster.configMap('by-default', 'plain')).toBeUndefined();
    await cluster.client.delete(CPU_PROFILES, 'everywhere');
    await cluster.client.delete(CPU_PROFILES, 'by-default');
    await cluster.removed('everywhere', 'kube-system');
  });

  test('come back when somebody deletes them', async () => {
    await cluster.namespace('deleted', { for: 'deleted' });
    await cluster.profile('deleted', onlyTo('deleted'));
    const first = await cluster.delivered('deleted', 'deleted');
    await cluster.client.delete(CONFIG_MAPS, configMapName('deleted'), { namespace: 'deleted' });
    const second = await eventually('another one', async () => {
      const found = await cluster.configMap('deleted', 'deleted');
      return found?.metadata.uid !== first.metadata.uid && found;
    });
    expect(second.data).toEqual(first.data);
  });

  test('stay while a pod uses them, whatever the way, and go with the last', async () => {
    const name = configMapName('used');
    await cluster.namespace('used', { for: 'used' });
    await cluster.profile('used', onlyTo('used'));
    const before = await cluster.delivered('used', 'used');
    await cluster.pod('mounts', 'used', { volumes: [{ ...{ name: 'v' }, configMap: { name } }] });
    await cluster.pod('asks', 'used', {}, { 'cpuprofiles.dev/profile': 'used' });
    await cluster.pod('ended', 'used', { containers: [{ envFrom: [{ configMapRef: { name } }] }] });
    await cluster.podPhase('ended', 'used', 'Succeeded');
    await cluster.labelNamespace('used', {});
    const kept = await eventually('the condition says who uses it', async () => {
      const condition = await cluster.condition('used', 'Delivered');
      return condition?.message.includes('no longer selected, and kept in') === true && condition;
    });
    expect(kept.message).toMatch(/used \(used by pods asks, mounts\)/);
    await cluster.deletePod('mounts', 'used');
    await eventually('one user less', async () =>
      (await cluster.condition('used', 'Delivered'))?.message.includes('used by pod asks'),
    );
    expect((await cluster.configMap('used', 'used'))?.metadata.resourceVersion).toBe(
      before.metadata.resourceVersion,
    );
    await cluster.deletePod('asks', 'used');
    await cluster.removed('used', 'used');
    await eventually(
      'status counts none',
      async () => (await cluster.getProfile('used')).status?.configMaps === 0,
    );
  });

  test('change with delivery.formats, after the pods that use the old content', async () => {
    await cluster.namespace('formats', { for: 'formats' });
    await cluster.profile('formats', onlyTo('formats'));
    const before = await cluster.delivered('formats', 'formats');
    const volumes = [
      { ...{ name: 'v' }, projected: { sources: [{ configMap: { name: configMapName('formats') } }] } },
    ];
    await cluster.pod('mounts', 'formats', { volumes });
    const selector = { namespaceSelector: { matchLabels: { for: 'formats' } } };
    await cluster.deliver('formats', { ...selector, formats: ['kvm'] });
    const inUse = await cluster.reason('formats', 'Delivered', 'InUse');
    expect(inUse.message).toMatch(/older content stays in formats \(used by pod mounts\)/);
    expect((await cluster.configMap('formats', 'formats'))?.metadata.uid).toBe(before.metadata.uid);
    await cluster.deletePod('mounts', 'formats');
    const after = await eventually('new content', async () => {
      const found = await cluster.configMap('formats', 'formats');
      return found?.metadata.uid !== before.metadata.uid && found;
    });
    expect(Object.keys(after.data ?? {})).toContain('kvm.json');
    expect(Object.keys(after.data ?? {})).not.toContain('cloud-hypervisor.cpuid.json');
    await cluster.reason('formats', 'Ready', 'Ready');
  });

  test('of somebody else are never touched', async () => {
    await cluster.namespace('foreign', { for: 'foreign' });
    const name = configMapName('foreign');
    const theirs: ConfigMapObject = { metadata: { name, namespace: 'foreign' }, data: { mine: 'yes' } };
    const before = await cluster.client.create(CONFIG_MAPS, theirs, { namespace: 'foreign' });
    await cluster.profile('foreign', onlyTo('foreign'));
    const conflict = await cluster.reason('foreign', 'Delivered', 'ConfigMapConflict');
    expect(conflict.message).toMatch(/in foreign another ConfigMap of that name exists/);
    // Losing interest in the namespace and in the profile must not remove it either.
    await cluster.labelNamespace('foreign', {});
    await cluster.reason('foreign', 'Delivered', 'NoNamespaces');
    await cluster.labelNamespace('foreign', { for: 'foreign' });
    await cluster.reason('foreign', 'Delivered', 'ConfigMapConflict');
    expect(await cluster.configMap('foreign', 'foreign')).toEqual(before);
    await cluster.client.delete(CONFIG_MAPS, name, { namespace: 'foreign' });
    await cluster.reason('foreign', 'Delivered', 'Delivered');
    expect((await cluster.delivered('foreign', 'foreign')).immutable).toBe(true);
  });

  test('that the API server refuses are said with its words, and tried again', async () => {
    await cluster.namespace('full', { for: 'full' });
    await cluster.namespace('roomy', { for: 'full' });
    const hard = { 'count/configmaps': '0' };
    const head = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace: 'full' } };
    await cluster.client.create<KubeObject & { spec: object }>(
      QUOTAS,
      { ...head, spec: { hard } },
      { namespace: 'full' },
    );
    // As the quota controller would write it.
    await cluster.client.apply<KubeObject & { status: object }>(
      QUOTAS,
      { ...head, status: { hard, used: hard } },
      { namespace: 'full', fieldManager: 'test', subresource: 'status' },
    );
    await eventually('the quota is in force', async () => {
      const probe = { metadata: { name: 'probe', namespace: 'full' } };
      const tried = cluster.client.create(CONFIG_MAPS, probe, { namespace: 'full', dryRun: true });
      return tried.then(
        () => false,
        () => true,
      );
    });
    await cluster.profile('full', onlyTo('full'));
    const refused = await cluster.reason('full', 'Delivered', 'ConfigMapRefused');
    expect(refused.message).toMatch(/^1 of 2 .*refused by the API server: full \(.*exceeded quota: none/);
    expect(await cluster.configMap('full', 'roomy')).toBeDefined();
    await cluster.client.delete(QUOTAS, 'none', { namespace: 'full' });
    await cluster.reason('full', 'Delivered', 'Delivered');
  });

  test('a ConfigMap with our manager label and another profile is not ours to touch', async () => {
    await cluster.namespace('mislabelled', { for: 'mislabelled' });
    const labels = {
      'app.kubernetes.io/managed-by': 'cpu-profile-operator',
      'cpuprofiles.dev/profile': 'another',
    };
    const metadata = { name: configMapName('mislabelled'), namespace: 'mislabelled', labels };
    const before = await cluster.client.create(CONFIG_MAPS, { metadata }, { namespace: 'mislabelled' });
    await cluster.profile('mislabelled', onlyTo('mislabelled'));
    await cluster.reason('mislabelled', 'Delivered', 'ConfigMapConflict');
    expect((await cluster.configMap('mislabelled', 'mislabelled'))?.metadata).toEqual(before.metadata);
  });

  test('go with the profile, except where a pod uses one', async () => {
    await cluster.namespace('gone-idle', { for: 'gone' });
    await cluster.namespace('gone-busy', { for: 'gone' });
    await cluster.profile('gone', onlyTo('gone'));
    await cluster.delivered('gone', 'gone-idle');
    const busy = await cluster.delivered('gone', 'gone-busy');
    await cluster.pod('asks', 'gone-busy', {}, { 'cpuprofiles.dev/profile': 'gone' });
    await cluster.client.delete(CPU_PROFILES, 'gone');
    await cluster.removed('gone', 'gone-idle');
    await eventually('an event InUse on the ConfigMap', async () => {
      const { items } = await cluster.client.list<EventObject>(EVENTS, { namespace: 'gone-busy' });
      return items.some(({ reason, message }) => reason === 'InUse' && message.includes('used by pod asks'));
    });
    expect((await cluster.configMap('gone', 'gone-busy'))?.metadata).toEqual(busy.metadata);
    await cluster.deletePod('asks', 'gone-busy');
    await cluster.removed('gone', 'gone-busy');
  });
});

describe('counts', () => {
  test('come from NodeCpus, and a verdict about another digest is unknown', async () => {
    await cluster.profile('counted', onlyTo('counted'));
    const { status } = await eventually('a digest', async () => {
      const found = await cluster.getProfile('counted');
      return found.status?.digest !== undefined && found;
    });
    const verdict = (compatible: 'Yes' | 'No' | 'Unknown', held = false) => [
      { profile: 'counted', digest: shortDigest(status?.digest ?? ''), compatible, ...(held && { held }) },
    ];
    await cluster.nodeCpu('n1', verdict('Yes'));
    await cluster.nodeCpu('n2', verdict('Yes'));
    await cluster.nodeCpu('n3', verdict('No', true));
    await cluster.nodeCpu('n4', verdict('Unknown'));
    await cluster.nodeCpu('n5', [{ profile: 'counted', digest: '0123456789abcdef', compatible: 'Yes' }]);
    await cluster.nodeCpu('n6', []);
    onTestFinished(async () => {
      for (const name of ['n2', 'n3', 'n4', 'n5', 'n6']) await cluster.client.delete(NODE_CPUS, name);
    });
    const nodes = (expected: object) =>
      eventually(`nodes are ${JSON.stringify(expected)}`, async () => {
        const { status: now } = await cluster.getProfile('counted');
        return JSON.stringify(now?.nodes) === JSON.stringify(expected);
      });
    await nodes({ compatible: 2, held: 1, incompatible: 1, unknown: 3 });
    await cluster.nodeCpu('n2', verdict('No'));
    await nodes({ compatible: 1, held: 1, incompatible: 2, unknown: 3 });
    await cluster.client.delete(NODE_CPUS, 'n1');
    await nodes({ compatible: 0, held: 1, incompatible: 2, unknown: 3 });
  });

  test('a burst of NodeCpus is few status writes', async () => {
    await cluster.profile('burst', onlyTo('burst'));
    await cluster.reason('burst', 'Accepted', 'Accepted');
    const { metadata } = await cluster.getProfile('burst');
    const done = new AbortController();
    let writes = 0;
    const watching = (async () => {
      const options = {
        resourceVersion: metadata.resourceVersion ?? '',
        timeoutSeconds: 60,
        signal: done.signal,
      };
      for await (const event of cluster.client.watch(CPU_PROFILES, {
        ...options,
        fieldSelector: 'metadata.name=burst',
      })) {
        if (event.type === 'MODIFIED') writes += 1;
      }
    })().catch(() => undefined);
    const began = systemClock.monotonic();
    const { items: others } = await cluster.client.list(NODE_CPUS);
    for (let i = 0; i < 200; i++) await cluster.nodeCpu(`burst-${i}`, []);
    await eventually('all are counted', async () => {
      const { status } = await cluster.getProfile('burst');
      return status?.nodes?.unknown === 200 + others.length;
    });
    const seconds = (systemClock.monotonic() - began) / 1000;
    done.abort();
    await watching;
    expect(writes).toBeGreaterThanOrEqual(1);
    expect(writes).toBeLessThanOrEqual(Math.ceil(seconds / 2) + 1);
  });
});

const QUOTAS: Resource = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
};

interface EventObject extends KubeObject {
  type: string;
  reason: string;
  message: string;
  involvedObject: { name: string };
}

/** Events about a CpuProfile are in the namespace default, as for every cluster-scoped object. */
async function eventsOf(profile: string): Promise<EventObject[]> {
  const { items } = await cluster.client.list<EventObject>(EVENTS, { namespace: 'default' });
  return items.filter(({ involvedObject }) => involvedObject.name === profile);
}
