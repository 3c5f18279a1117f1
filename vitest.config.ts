import { defineConfig } from 'vitest/config';
import { SuiteReporter } from './test/reporter.ts';

const unit = [
  'profiles/**/*.test.ts',
  'crds/**/*.test.ts',
  'kube/**/*.test.ts',
  'node-agent/**/*.test.ts',
  'operator/**/*.test.ts',
  'cli/**/*.test.ts',
  'test/*.test.ts',
  'test/architecture/**/*.test.ts',
  'test/control-plane/**/*.test.ts',
  'test/hosts/**/*.test.ts',
  'test/laws/**/*.test.ts',
];

// Suites by what they need: nothing, the real /dev/kvm, a real API server, the built bundles and image, other
// people's programs (QEMU, libvirt), time.
export default defineConfig({
  test: {
    reporters: ['default', new SuiteReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: unit,
          setupFiles: ['test/law-seed.ts'],
          exclude: ['**/*.kvm.test.ts', '**/*.api.test.ts', 'node_modules/**'],
        },
      },
      { test: { name: 'kvm', include: ['**/*.kvm.test.ts'], exclude: ['node_modules/**'], pool: 'forks' } },
      {
        test: {
          name: 'api-server',
          include: ['**/*.api.test.ts'],
          exclude: ['node_modules/**'],
          globalSetup: ['test/control-plane/vitest-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          pool: 'forks',
        },
      },
      { test: { name: 'consumers', include: ['test/consumers/**/*.test.ts'], pool: 'forks' } },
      { test: { name: 'fuzz', include: ['test/fuzz/**/*.test.ts'], testTimeout: 60_000, pool: 'forks' } },
      {
        test: {
          name: 'bundle',
          include: ['test/bundle/**/*.test.ts', 'test/image/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          pool: 'forks',
        },
      },
    ],
  },
});
