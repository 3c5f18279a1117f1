/** The fast answer is the answer: a fleet says of every pair what `check` says, from objects and from text. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { API_VERSION } from '../../crds/kinds.ts';
import { parseManifest } from '../../crds/parse.ts';
import { quickManifest } from '../../crds/quick.ts';
import { catalogNames } from '../../profiles/catalog/catalog.ts';
import { generate } from '../../profiles/make/generate.ts';
import { resolve } from '../../profiles/make/resolve.ts';
import { InputError } from '../../profiles/model/input-error.ts';
import { profileDataToWire, type Profile } from '../../profiles/model/profile.ts';
import { snapshotFromWire, snapshotToWire, type Snapshot } from '../../profiles/model/snapshot.ts';
import { scanSnapshot } from '../../profiles/model/scan-snapshot.ts';
import { check } from '../../profiles/verdict/check.ts';
import { createFleet, type Fleet } from '../../profiles/verdict/fleet.ts';
import { FleetLayout } from '../../profiles/verdict/fleet-layout.ts';
import { anyProfile } from '../arbitrary-profile.ts';
import { BASE_HOSTS, changed, changes, quickHost } from '../domain/quick-host.ts';
import { lawRuns } from '../law-runs.ts';

const RUNS = { numRuns: lawRuns(100) };
const TIMEOUT = 600_000;

function parse(text: string): { name: string; snapshot: Snapshot } {
  const manifest = parseManifest(JSON.parse(text));
  if (manifest.kind !== 'CpuSnapshot') throw new InputError('kind', 'is not CpuSnapshot');
  return { name: manifest.metadata.name, snapshot: snapshotFromWire(manifest.spec) };
}
const fleetOf = (profiles: readonly Profile[]): Fleet =>
  createFleet(profiles, { apiVersion: API_VERSION, parse });

const manifestOf = (snapshot: Snapshot): object => ({
  apiVersion: API_VERSION,
  kind: 'CpuSnapshot',
  metadata: { name: 'host-1', labels: { 'a/b': 'c "}]' } },
  spec: snapshotToWire(snapshot),
});

const generated = BASE_HOSTS.flatMap((host): Profile[] => {
  const { vendor, data } = generate('base', host, { nested: host.vendor === 'intel' });
  return [{ vendor, data, filter: 'closed' }];
});
const shipped = catalogNames().flatMap((name) => {
  const resolved = ['intel', 'amd'].map((vendor) =>
    resolve({ vendor: vendor === 'amd' ? 'amd' : 'intel', catalog: name }),
  );
  return resolved.flatMap((each) => (each.ok ? [each.profile] : []));
});

/** Hosts of every kind: complete, with holes, seen otherwise than by KVM. */
const anyView: fc.Arbitrary<Snapshot> = fc
  .tuple(
    quickHost,
    changes(['capability'], 2),
    fc.constantFrom<Partial<Snapshot>>(
      {},
      {},
      {},
      { partial: true },
      { source: 'raw' },
      { source: 'guest' },
      { featureMsrs: undefined },
      { msrIndices: undefined },
    ),
  )
  .map(([host, list, view]) => ({ ...changed(host, list), ...view }));

test(
  'generated and shipped profiles on any host, as an object and as text',
  () => {
    const profiles = [...generated, ...shipped];
    const fleet = fleetOf(profiles);
    const seen = { Yes: 0, No: 0, Unknown: 0 };
    fc.assert(
      fc.property(anyView, fc.boolean(), fc.nat(), (snapshot, pretty, pick) => {
        const text = JSON.stringify(manifestOf(snapshot), null, pretty ? 2 : 0);
        const hosts = [fleet.host('host-1', snapshot), fleet.read(text)];
        for (const host of hosts) expect(host.name).toBe('host-1');
        // Four profiles a case: among 10,000 every pair of kinds meets.
        profiles.forEach((profile, i) => {
          if (i % 8 !== pick % 8) return;
          const { compatible } = check(profile, snapshot);
          seen[compatible] += 1;
          for (const host of hosts) expect(fleet.verdict(i, host)).toBe(compatible);
        });
      }),
      RUNS,
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(2);
  },
  TIMEOUT,
);

test(
  'profiles that nobody would write',
  () => {
    fc.assert(
      fc.property(fc.array(anyProfile, { minLength: 1, maxLength: 3 }), anyView, (profiles, snapshot) => {
        const fleet = fleetOf(profiles);
        const host = fleet.host('h', snapshot);
        profiles.forEach((profile, i) => {
          expect(fleet.verdict(i, host)).toBe(check(profile, snapshot).compatible);
        });
      }),
      RUNS,
    );
  },
  TIMEOUT,
);

/** Small damage to a text: characters taken away, doubled, replaced. */
const damage = fc.array(
  fc.record({
    at: fc.nat(0xf_ffff),
    kind: fc.constantFrom('cut', 'double', 'replace'),
    with: fc.constantFrom('"', ',', '}', ']', '0', 'x', 'F', ' ', ':', '\\', '-', '\n', 'e', '{', '[1', 'é'),
  }),
  { maxLength: 2 },
);

test(
  'a text is taken only when the ordinary reader takes it and reads the same',
  () => {
    let taken = 0;
    fc.assert(
      fc.property(quickHost, damage, fc.boolean(), (snapshot, list, pretty) => {
        let text = JSON.stringify(manifestOf(snapshot), null, pretty ? 1 : 0);
        for (const each of list) {
          const at = each.at % text.length;
          const middle = { cut: '', double: text.charAt(at).repeat(2), replace: each.with }[each.kind];
          text = text.slice(0, at) + middle + text.slice(at + 1);
        }
        const read: Snapshot['cpuid'][number][] = [];
        const msrs: { index: number; value: bigint }[] = [];
        const indices: number[] = [];
        const scanned = scanSnapshot(text, API_VERSION, {
          entry: (leaf, subleaf, eax, ebx, ecx, edx) => read.push({ leaf, subleaf, eax, ebx, ecx, edx }),
          featureMsr: (index, low, high) => msrs.push({ index, value: (BigInt(high) << 32n) | BigInt(low) }),
          msrIndex: (index) => indices.push(index),
        });
        if (scanned === undefined) return;
        taken += 1;
        const { name, featureMsrs, msrIndices, ...told } = scanned;
        const ordinary = parse(text);
        expect(name).toBe(ordinary.name);
        expect({
          ...told,
          cpuid: read,
          featureMsrs: featureMsrs ? msrs : undefined,
          msrIndices: msrIndices ? indices : undefined,
        }).toEqual(ordinary.snapshot);
      }),
      RUNS,
    );
    expect(taken).toBeGreaterThan(10);
  },
  TIMEOUT,
);

test('what is odd is read the ordinary way, or refused with its place', () => {
  const [host] = BASE_HOSTS;
  if (host === undefined) throw new Error('no base host');
  const fleet = fleetOf(generated);
  const text = JSON.stringify(manifestOf(host));
  const layout = new FleetLayout();
  const verdicts = (odd: string): string[] => generated.map((_, i) => fleet.verdict(i, fleet.read(odd)));
  const odd = text.replace('"leaf":"0x1"', '"leaf":"0X01"');
  expect(scanSnapshot(odd, API_VERSION, layout)).toBeUndefined();
  expect(verdicts(odd)).toEqual(verdicts(text));
  expect(() => fleet.read(text.replace('"leaf":"0x1"', '"leaf":"1"'))).toThrow(InputError);
  expect(() => fleet.read(text.replace('"partial":false', '"partial":false,"more":1'))).toThrow(/spec\.more/);
});

test(
  'a manifest that is read without zod is what the types make of it',
  () => {
    let taken = 0;
    const words = fc.constantFrom<unknown>(
      '0x1',
      '0X1',
      '1',
      '0x1ffffffff',
      1,
      null,
      true,
      [],
      {},
      'kvm',
      'x',
    );
    const keys = [
      'spec',
      'metadata',
      'kind',
      'apiVersion',
      'vendor',
      'source',
      'partial',
      'cpuid',
      'data',
      'filter',
      'options',
      'leaf',
      'mask',
      'index',
      'name',
      'extra',
    ];
    fc.assert(
      fc.property(
        fc.oneof(
          quickHost.map(manifestOf),
          anyProfile.map(({ vendor, data, filter }) => ({
            apiVersion: API_VERSION,
            kind: 'CpuProfile',
            metadata: { name: 'p' },
            spec: { vendor, data: profileDataToWire(data), filter: { mode: filter } },
          })),
        ),
        fc.option(fc.record({ key: fc.constantFrom(...keys), word: words, drop: fc.boolean() })),
        (manifest, spoil) => {
          // The first place with that key is spoilt, or the key is added at the top.
          let done = false;
          const document: unknown = JSON.parse(
            JSON.stringify(manifest, (key, value: unknown) => {
              if (spoil === null || done || key !== spoil.key) return value;
              done = true;
              return spoil.drop ? undefined : spoil.word;
            }),
          );
          if (spoil?.key === 'extra') Object.assign(document as object, { extra: spoil.word });
          const quick = quickManifest(document);
          if (quick === undefined) return;
          taken += 1;
          expect(quick).toEqual(parseManifest(document));
        },
      ),
      RUNS,
    );
    expect(taken).toBeGreaterThan(20);
  },
  TIMEOUT,
);
