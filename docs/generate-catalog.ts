/**
 * `node docs/generate-catalog.ts [--check] [--renew]`: adds catalogue entries for models that have none and writes the
 * catalogue's page. With --check it writes nothing and exits 1 when something differs. --renew makes every entry of a named
 * model anew: for entries that have not been released.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { catalogFiles } from './catalog-entries.ts';

const ROOT = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, renew: { type: 'boolean', default: false } },
});

const { files, differing } = catalogFiles(values.renew && !values.check);
for (const name of differing) {
  console.error(
    `the rows would make catalogue entry ${name} differently today: a released one is kept (KEPT) and the new data gets a new name; one that is not released is renewed with --renew`,
  );
  process.exitCode = 1;
}
for (const { path, content } of files) settle(path, content);
// The page reads the entries, so they must be written before it is loaded.
const { catalogPage } = await import('./catalog-page.ts');
settle(join('docs', 'reference', 'catalog.md'), catalogPage());

function settle(path: string, content: string): void {
  if (read(path) === content) return;
  if (values.check) {
    console.error(`${path} differs from what is generated: run node docs/generate-catalog.ts`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(ROOT, path), content);
    console.log(`wrote ${path}`);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return undefined;
  }
}
