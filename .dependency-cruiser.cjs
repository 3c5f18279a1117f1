// The arrows of the architecture: which folder may import which. `npm run check` fails on any other.
const own = '^(profiles|crds|kube|node-agent|operator|cli|demo|test)/';
const tests = '(\\.test\\.ts$|^test/)';
const arrow = (from, allowed) => ({
  name: `arrow-${from.replace(/\W/g, '-')}`,
  severity: 'error',
  from: { path: `^${from}/`, pathNot: tests },
  to: { path: own, pathNot: [from, ...allowed].map((folder) => `^${folder}/`).join('|') },
});
// Inside profiles/: a lower floor never imports a higher one.
const floor = (from, allowed) => ({
  name: `floor-${from}`,
  severity: 'error',
  from: { path: `^profiles/${from}/`, pathNot: tests },
  to: {
    path: '^profiles/',
    pathNot: [from, ...allowed].map((folder) => `^profiles/${folder}/`).join('|'),
  },
});
const middle = ['model', 'definitions', 'verdict', 'make', 'msr-filter', 'catalog'];
module.exports = {
  forbidden: [
    arrow('profiles', []),
    arrow('crds', ['profiles']),
    arrow('kube', []),
    arrow('node-agent', ['profiles', 'crds', 'kube']),
    arrow('operator', ['profiles', 'crds', 'kube']),
    arrow('cli', ['profiles', 'crds', 'kube', 'node-agent/kvm']),
    floor('model', []),
    floor('definitions', ['model']),
    floor('catalog', ['model']),
    floor('verdict', middle),
    floor('make', middle),
    floor('msr-filter', middle),
    floor('formats', middle),
    floor('import', [...middle, 'formats']),
    {
      name: 'profiles-are-pure',
      severity: 'error',
      from: { path: '^profiles/', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypes: ['core', 'npm'],
        pathNot: 'node_modules/(zod|canonicalize|@noble/hashes)/',
      },
    },
    {
      name: 'agent-stays-small',
      severity: 'error',
      comment: 'undici and the generated client cost the agent more memory than everything else together',
      from: { path: '^node-agent/main\\.ts$' },
      to: { path: 'node_modules/(@kubernetes/client-node|undici)/', reachable: true },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
