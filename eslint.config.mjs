import tseslint from 'typescript-eslint';

/**
 * What Biome cannot see: rules that need types, the size caps, and the house's own bans. Style and the usual
 * mistakes are Biome's.
 */

const PORTS_INSTEAD = 'The simulation must be able to replay this: take it from the clock, timers, chance or ids port.';

const restrictedGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'performance'].map((name) => ({ name, message: PORTS_INSTEAD }));

const restrictedProperties = [
  ['Date', 'now'],
  ['Math', 'random'],
  ['crypto', 'randomUUID'],
  ['crypto', 'getRandomValues'],
  ['AbortSignal', 'timeout'],
  ['process', 'hrtime'],
  ['process', 'uptime'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'performance', 'Date', 'crypto'].map((name) => ['globalThis', name]),
].map(([object, property]) => ({ object, property, message: PORTS_INSTEAD }));

const ENVIRONMENT = [
  { object: 'process', property: 'env', message: 'Only src/config reads the environment; take the Config.' },
  { object: 'process', property: 'loadEnvFile', message: 'Only src/config reads the environment; take the Config.' },
];

const restrictedImports = {
  paths: [
    { name: 'node:timers', message: PORTS_INSTEAD },
    { name: 'node:timers/promises', message: PORTS_INSTEAD },
    { name: 'node:perf_hooks', message: PORTS_INSTEAD },
    { name: 'node:crypto', importNames: ['randomUUID', 'randomBytes', 'randomInt', 'webcrypto'], message: PORTS_INSTEAD },
    { name: 'uuid', message: PORTS_INSTEAD },
  ],
};

const STATE = 'No module-level state here: a simulated crash would keep it. Put it into what the composition makes.';

const restrictedSyntax = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: PORTS_INSTEAD },
  { selector: "CallExpression[callee.name='Date']", message: PORTS_INSTEAD },
  { selector: ":matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind='let']", message: STATE },
  {
    selector:
      ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator > NewExpression[callee.name=/^(Weak)?(Map|Set)$/][arguments.length=0]',
    message: STATE,
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.mutants/', 'coverage/', 'data/', '**/*.mjs', '**/*.cjs', '**/*.js'] },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
      complexity: ['error', 15],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: false, skipComments: false, IIFEs: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts', 'src/config/**'],
    rules: {
      'no-restricted-properties': ['error', ...ENVIRONMENT],
      'no-restricted-imports': [
        'error',
        {
          paths: ['node:process', 'process'].map((name) => ({
            name,
            importNames: ['env', 'loadEnvFile'],
            message: ENVIRONMENT[0].message,
          })),
        },
      ],
    },
  },
  {
    files: ['src/pipeline/**/*.ts', 'src/workloads/**/*.ts', 'src/channels/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...restrictedGlobals],
      'no-restricted-properties': ['error', ...ENVIRONMENT, ...restrictedProperties],
      'no-restricted-imports': ['error', restrictedImports],
      'no-restricted-syntax': ['error', ...restrictedSyntax],
    },
  },
);
