import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Time, chance and the environment come in from outside: only main.ts and the clock touch them.
const outside = [
  { object: 'Date', property: 'now', message: 'take the time from the Clock' },
  { object: 'process', property: 'env', message: 'read the environment in main.ts' },
  { object: 'Math', property: 'random', message: 'pass the random source in' },
];
const timers = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
  name,
  message: 'timers belong to the Clock',
}));

export default defineConfig(
  { ignores: ['dist/**', 'coverage/**', '.dependency-cruiser.cjs'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  {
    files: ['{profiles,crds,kube,node-agent,operator,cli}/**/*.ts'],
    ignores: ['**/main.ts', '**/clock.ts', '**/*.test.ts'],
    rules: {
      'no-restricted-properties': ['error', ...outside],
      'no-restricted-globals': ['error', ...timers],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'take the time from the Clock',
        },
      ],
    },
  },
  {
    files: ['**/*.config.ts'],
    rules: { 'no-restricted-exports': 'off' },
  },
);
