/** libvirt's own schema takes `libvirt.xml`, and libvirt's own CPU map has every name in it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogEntry, catalogNames } from '../../profiles/catalog/catalog.ts';
import { renderLibvirt } from '../../profiles/formats/libvirt.ts';
import { generate } from '../../profiles/make/generate.ts';
import { type Profile, profileDataFromWire } from '../../profiles/model/profile.ts';
import { recordedHosts } from '../hosts/recorded-hosts.ts';
import { missing, program } from './programs.ts';

const validator = program('virt-xml-validate');
const MAP = '/usr/share/libvirt/cpu_map';
const version = /\d+\.\d+/.exec(validator?.version ?? '')?.[0] ?? '';

/** Shipped profiles, with and without nesting, and one of each recorded host that was observed as a whole. */
const profiles: readonly (readonly [name: string, profile: Profile])[] = [
  ...catalogNames().flatMap((name): (readonly [string, Profile])[] => {
    const entry = catalogEntry(name);
    if (entry === undefined) return [];
    const { data } = profileDataFromWire(entry.data);
    return [[name, { vendor: entry.vendor, data, filter: 'closed' }]];
  }),
  ...recordedHosts()
    .filter(({ snapshot }) => snapshot.msrIndices !== undefined && snapshot.featureMsrs !== undefined)
    .map(({ file, snapshot }) => {
      const { vendor, data } = generate('recorded', snapshot);
      return [file, { vendor, data, filter: 'none' }] as const;
    }),
];
const xmlOf = (profile: Profile): string => renderLibvirt(profile).files['libvirt.xml'] ?? '';

describe.skipIf(validator === undefined)(
  `libvirt's schema, ${validator?.version ?? ''}${missing('virt-xml-validate', validator !== undefined)}`,
  () => {
    let directory = '';
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'libvirt-'));
    });
    afterAll(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    const validate = (text: string, schema: string) => {
      const file = join(directory, 'element.xml');
      writeFileSync(file, text);
      return spawnSync('virt-xml-validate', [file, schema], { encoding: 'utf8', timeout: 30_000 });
    };

    it.each(profiles)('%s: a cpu element', (_, profile) => {
      const { status, stderr } = validate(xmlOf(profile), 'cpu');
      expect(stderr.trim()).toMatch(/^\S+\/element\.xml validates$/);
      expect(status).toBe(0);
    });

    it('a domain with the element in it', () => {
      for (const [name, profile] of profiles) {
        const domain = `<domain type='kvm'><name>d</name><memory>65536</memory><os><type arch='x86_64'>hvm</type></os>${xmlOf(profile)}</domain>`;
        expect(validate(domain, 'domain').status, name).toBe(0);
      }
    });

    it('does not take everything', () => {
      const [, profile] = profiles[0] ?? [];
      if (profile === undefined) throw new Error('no profile');
      expect(validate(xmlOf(profile).replace("policy='require'", "policy='maybe'"), 'cpu').status).not.toBe(
        0,
      );
      expect(
        validate(xmlOf(profile).replace("mode='passthrough'", "mode='whatever'"), 'cpu').status,
      ).not.toBe(0);
    });
  },
);

describe.skipIf(!existsSync(MAP))(
  `libvirt's CPU map${missing(`${MAP} of the package libvirt0`, existsSync(MAP))}`,
  () => {
    const names = (kind: 'model' | 'feature'): Set<string> =>
      new Set(
        readdirSync(MAP)
          .filter((file) => file.startsWith('x86_'))
          .map((file) => readFileSync(join(MAP, file), 'utf8'))
          .flatMap((text) => [...text.matchAll(new RegExp(`<${kind} name='([^']+)'`, 'g'))])
          .map(([, name = '']) => name),
      );

    it.each(profiles)('%s: every name is in it', (_, profile) => {
      const text = xmlOf(profile);
      const [models, features] = [names('model'), names('feature')];
      expect(models.size).toBeGreaterThan(50);
      expect(models).toContain(/<model[^>]*>([^<]+)</.exec(text)?.[1]);
      const used = [...text.matchAll(/<feature policy='\w+' name='([^']+)'/g)].map(([, name = '']) => name);
      expect(used.length).toBeGreaterThan(3);
      // Names of bits in VMX's MSRs came after 9.0: the report says so.
      const old =
        version === '' || Number(version) < 9.5 ? used.filter((name) => !name.startsWith('vmx-')) : used;
      expect(old.filter((name) => !features.has(name))).toEqual([]);
    });
  },
);
