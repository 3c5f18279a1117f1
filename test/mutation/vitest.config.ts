import { defineConfig } from 'vitest/config';

// What mutants are tried against: the tests that stand beside the code, and the fast laws. A mutant takes a second at most.
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['profiles/**/*.test.ts', 'test/laws/fleet.test.ts'],
    pool: 'forks',
    bail: 1,
  },
});
