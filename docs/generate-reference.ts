/**
 * `node docs/generate-reference.ts [--check]`: writes the definition reference into docs/reference. With --check it writes
 * nothing and exits 1 when a page differs from what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { referencePages } from './reference-pages.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
for (const [name, content] of referencePages()) {
  const path = join(import.meta.dirname, 'reference', name);
  if (read(path) === content) continue;
  if (values.check) {
    console.error(`docs/reference/${name} differs from the tables: run npm run generate`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, content);
    console.log(`wrote docs/reference/${name}`);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
