import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeBaseImage } from './base-image.ts';
import { Buildah, buildahMissing } from './buildah.ts';

const missing = buildahMissing();
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

describe.skipIf(missing !== undefined)(
  `the container image${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let directory = '';
    let buildah: Buildah;
    let container = '';

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'cpu-profile-image-'));
      buildah = new Buildah(directory);
      const base = writeBaseImage(directory);
      buildah.run('bud', '--quiet', '--tag', 'localhost/node-base', '--file', base, directory);
      buildah.run(
        'bud',
        '--quiet',
        '--build-arg',
        'BASE_IMAGE=localhost/node-base',
        '--tag',
        'localhost/cpo',
        '.',
      );
      container = buildah.run('from', 'localhost/cpo');
    });
    afterAll(() => {
      if (container !== '') buildah.run('rm', container);
      rmSync(directory, { recursive: true, force: true });
    });

    const inside = (...command: string[]): string => buildah.run('run', container, '--', ...command);

    test.each(['operator', 'agent', 'cpuprofile'])(
      '%s starts from the tree of the image and says its version',
      (program) => {
        expect(inside('node', `/app/${program}.mjs`, '--version')).toBe(version);
      },
    );

    test('runs as a user that is not root', () => {
      expect(inside('node', '-p', 'process.getuid()')).toBe('65532');
      const config = JSON.parse(buildah.run('inspect', '--type', 'image', 'localhost/cpo')) as {
        OCIv1: { config: { User: string; Entrypoint: string[] } };
      };
      expect(config.OCIv1.config.User).toBe('65532:65532');
      expect(config.OCIv1.config.Entrypoint).toEqual(['node', '--enable-source-maps']);
    });

    test('koffi loads beside the bundle', () => {
      const script =
        "import('/app/node_modules/koffi/index.js').then(({ default: k }) => console.log(k.load(null).func('int getpid()')() > 0))";
      expect(inside('node', '-e', script)).toBe('true');
    });

    test('the command line works in it and is on the path', () => {
      expect(inside('node', '/usr/local/bin/cpuprofile', 'catalog', 'skylake')).toContain('kind: CpuProfile');
    });

    test('holds nothing but Node, its libraries, koffi, the bundles and the licence', () => {
      const listing = inside(
        'node',
        '-p',
        "fs.readdirSync('/app', { recursive: true }).filter((f) => !f.includes('koffi')).sort().join()",
      );
      const programs = ['agent', 'cpuprofile', 'operator'].flatMap((name) => [
        `${name}.mjs`,
        `${name}.mjs.map`,
      ]);
      expect(listing.split(',')).toEqual(
        [...programs, 'LICENSE', 'node_modules', 'node_modules/@koromix'].toSorted(),
      );
    });
  },
);
