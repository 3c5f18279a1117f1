// Bundles the three programs into dist/: each one file that runs beside koffi's two packages.
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const banner = [
  '#!/usr/bin/env node',
  // Before the first import: an old Node must fail with one line, not with a stack trace.
  "const [major, minor] = process.versions.node.split('.').map(Number);",
  'if (major < 22 || (major === 22 && minor < 19)) { console.error(`needs Node >= 22.19, this is ${process.version}`); process.exit(3); }',
  // CommonJS dependencies inside an ES module bundle.
  "const require = (await import('node:module')).createRequire(import.meta.url);",
].join('\n');
const programs = { operator: 'operator/main.ts', agent: 'node-agent/main.ts', cpuprofile: 'cli/main.ts' };
const entryPoints = Object.fromEntries(Object.entries(programs).filter(([, file]) => existsSync(file)));

/**
 * Node's own modules, loaded when the first module that imports them runs. As plain imports they would all be loaded at
 * the start, also those of parts that a run never reaches: https alone costs a short-lived program 15 ms.
 */
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      namespace === 'builtin' ? { path, external: true } : { path, namespace: 'builtin' },
    );
    onLoad({ filter: /^node:/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  external: ['koffi'],
  plugins: [lazyBuiltins],
  banner: { js: banner },
  define: { 'globalThis.__VERSION__': JSON.stringify(version) },
  sourcemap: 'linked',
  minifySyntax: true,
  logLevel: 'warning',
});
for (const name of Object.keys(entryPoints)) chmodSync(`dist/${name}.mjs`, 0o755);
