import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** The logger writes to the process's own stdout, so it gets a process of its own. */
const logged = (statements: string): unknown[] => {
  const program = `import { createLogger } from ${JSON.stringify(import.meta.resolve('./logger.ts'))};\n${statements}`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
};

describe('createLogger', () => {
  it('writes one JSON object a line, with level, time, fields and the cause of an error', () => {
    const lines = logged(`
      const log = createLogger('info', { component: 'agent' });
      log.debug({}, 'unseen');
      log.info({ node: 'a' }, 'probed');
      log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
      process.exit(1 - 1);
    `);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ level: 'info', component: 'agent', node: 'a', message: 'probed' });
    expect(lines[0]).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/));
    expect(lines[1]).toMatchObject({ level: 'error', message: 'failed', err: { message: 'outer: inner' } });
  });
});
