import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { unzip } from './unzip.ts';

it('reads what another program zipped, compressed and stored', () => {
  const directory = mkdtempSync(join(tmpdir(), 'unzip-'));
  try {
    const path = join(directory, 'a.zip');
    const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.writestr('a/long', 'word ' * 10000, zipfile.ZIP_DEFLATED)
    z.writestr('a/short', 'kept', zipfile.ZIP_STORED)
`;
    execFileSync('python3', ['-c', script, path]);
    const archive = readFileSync(path);
    expect(unzip(archive, 'a/long').toString()).toBe('word '.repeat(10_000));
    expect(unzip(archive, 'a/short').toString()).toBe('kept');
    expect(() => unzip(archive, 'a')).toThrow('the zip archive has no a');
    expect(() => unzip(archive.subarray(0, 20), 'a')).toThrow('not a zip archive');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
