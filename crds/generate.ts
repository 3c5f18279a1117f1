/**
 * `node crds/generate.ts [--check]`: writes the CRD manifests, here and in the chart. With --check it writes
 * nothing and exits 1 when a file differs from what it would write.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { customResourceDefinitions } from './definitions.ts';
import { chartTemplate, manifest } from './manifest.ts';

const ROOT = join(import.meta.dirname, '..');

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const wanted = customResourceDefinitions().flatMap((crd) => {
  const file = `${crd.spec.names.plural}.yaml`;
  return [
    { path: join('crds', file), content: manifest(crd) },
    { path: join('charts', 'cpu-profile-operator', 'templates', 'crds', file), content: chartTemplate(crd) },
  ];
});
const stale = wanted.filter(({ path, content }) => read(join(ROOT, path)) !== content);
if (values.check) {
  for (const { path } of stale) console.error(`${path} differs from the types: run npm run generate`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { path, content } of stale) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), content);
    console.log(`wrote ${path}`);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
