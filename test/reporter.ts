/** What was run and what was not, suite by suite, as the last lines of a test run: plain, for people and scripts. */
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

export interface SuiteTally {
  passed: number;
  failed: number;
  /** Full name of each skipped test, with its reason where it gives one. */
  skipped: string[];
}

/**
 * `suite NAME: N passed, N failed, N skipped` with the skipped tests below, and for all together the same numbers
 * alone on the last line. `errors` happened outside of any test and count as failures there.
 */
export function summary(suites: ReadonlyMap<string, SuiteTally>, errors: number): string[] {
  const lines: string[] = [];
  const total = { passed: 0, failed: errors, skipped: 0 };
  for (const [name, { passed, failed, skipped }] of suites) {
    lines.push(`suite ${name}: ${counts(passed, failed, skipped.length)}`);
    lines.push(...skipped.map((test) => `  skipped: ${test}`));
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped.length;
  }
  if (errors > 0) lines.push(`errors outside of tests: ${String(errors)}`);
  return [...lines, counts(total.passed, total.failed, total.skipped)];
}

const counts = (passed: number, failed: number, skipped: number): string =>
  `${String(passed)} passed, ${String(failed)} failed, ${String(skipped)} skipped`;

export class SuiteReporter implements Reporter {
  #suites = new Map<string, SuiteTally>();

  onInit(vitest: Vitest): void {
    this.#suites = new Map(vitest.projects.map(({ name }) => [name, { passed: 0, failed: 0, skipped: [] }]));
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    for (const suite of this.#suites.values()) Object.assign(suite, { passed: 0, failed: 0, skipped: [] });
    for (const module of modules) this.#count(module);
    process.stdout.write(`\n${summary(this.#suites, errors.length).join('\n')}\n`);
  }

  #count(module: TestModule): void {
    const suite = this.#suites.get(module.project.name);
    if (suite === undefined) return;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that never ran is not one that was skipped: its file or a hook failed, or the run was cut short.
      if (state === 'skipped') suite.skipped.push(skippedName(module, test));
      else suite[state === 'passed' ? 'passed' : 'failed']++;
    }
    // A file that does not load has no tests, and a hook that fails leaves its tests looking skipped.
    suite.failed += module.errors().length;
    for (const inner of module.children.allSuites()) suite.failed += inner.errors().length;
  }
}

function skippedName(module: TestModule, test: TestCase): string {
  const result = test.result();
  const reason = 'note' in result && result.note !== undefined ? ` (${result.note})` : '';
  return `${module.relativeModuleId} > ${test.fullName}${reason}`;
}
