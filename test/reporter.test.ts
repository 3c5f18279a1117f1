import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { summary } from './reporter.ts';

describe('the summary of a run', () => {
  it('counts suite by suite, names what was skipped, and ends with one plain line', () => {
    const suites = new Map([
      ['unit', { passed: 10, failed: 0, skipped: [] }],
      ['kvm', { passed: 0, failed: 1, skipped: ['a > b (no /dev/kvm)'] }],
    ]);
    expect(summary(suites, 0)).toEqual([
      'suite unit: 10 passed, 0 failed, 0 skipped',
      'suite kvm: 0 passed, 1 failed, 1 skipped',
      '  skipped: a > b (no /dev/kvm)',
      '10 passed, 1 failed, 1 skipped',
    ]);
  });

  it('counts an error outside of any test as a failure', () => {
    expect(summary(new Map([['unit', { passed: 1, failed: 0, skipped: [] }]]), 2).slice(-2)).toEqual([
      'errors outside of tests: 2',
      '1 passed, 2 failed, 0 skipped',
    ]);
  });
});

describe('a real run', () => {
  const root = join(import.meta.dirname, '..');
  let directory = '';
  beforeAll(() => {
    // Inside the repository, where vitest is found.
    directory = mkdtempSync(join(root, 'node_modules', '.reporter-'));
    writeFileSync(
      join(directory, 'vitest.config.ts'),
      `import { SuiteReporter } from ${JSON.stringify(join(root, 'test', 'reporter.ts'))};
       export default { test: { globals: true, reporters: [new SuiteReporter()], projects: [
         { test: { globals: true, name: 'one', include: ['one.test.js'], exclude: [] } },
         { test: { globals: true, name: 'two', include: ['two.test.js', 'broken.test.js'], exclude: [] } } ] } };`,
    );
    writeFileSync(
      join(directory, 'one.test.js'),
      `it('a', () => {}); it('b', () => {}); it.skip('c', () => {}); it('d', ({ skip }) => skip('no device'));`,
    );
    writeFileSync(
      join(directory, 'two.test.js'),
      `it('fails', () => expect(1).toBe(2)); describe('hook', () => { beforeAll(() => { throw new Error('x'); }); it('never', () => {}); });`,
    );
    writeFileSync(join(directory, 'broken.test.js'), `throw new Error('does not load');`);
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('is counted as it went', { timeout: 60_000 }, async () => {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [vitest, 'run', '--root', directory],
        { env: { PATH: process.env['PATH'] ?? '' } },
        (_, output) => {
          resolve({ code: child.exitCode ?? -1, stdout: output });
        },
      );
    });
    expect(stdout.trim().split('\n')).toEqual([
      'suite one: 2 passed, 0 failed, 2 skipped',
      '  skipped: one.test.js > c',
      '  skipped: one.test.js > d (no device)',
      'suite two: 0 passed, 3 failed, 1 skipped',
      '  skipped: two.test.js > hook > never',
      '2 passed, 3 failed, 3 skipped',
    ]);
    expect(code).toBe(1);
  });
});
