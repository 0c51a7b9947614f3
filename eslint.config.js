import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import importX from 'eslint-plugin-import-x'
import svelte from 'eslint-plugin-svelte'
import tseslint from 'typescript-eslint'

/** Code under `target` must not import from `from`. The tree in docs/architecture.md says why. */
const zone = (target, from, message) => ({ target, from, message })

const core = (folder) => `./stratos-core/src/${folder}`
const service = (folder) => `./stratos-service/src/${folder}`
const adapters = ['stores', 'blobs', 'pds', 'identity', 'valkey']

const zones = [
  // core: what is true, without I/O; within it only downwards.
  zone('./stratos-core/src', './stratos-service', 'core does not know the service'),
  zone('./stratos-core/src', './stratos-client', 'core does not know the client'),
  zone(
    ['errors.ts', 'ids.ts', 'boundary', 'access', 'enrollment', 'record', 'storage'].map(core),
    core('repo'),
    'the root of core is browser-safe; repo is not',
  ),
  zone(core('boundary'), ['record', 'enrollment', 'access', 'space'].map(core), 'boundary is below'),
  zone(
    core('access'),
    ['record', 'enrollment', 'repo'].map(core),
    'access looks at viewers and boundaries only',
  ),

  // service: the folders are the seams.
  zone(
    service('operations'),
    ['xrpc', 'auth', 'oauth', 'http.ts', ...adapters].map(service),
    'operations speak the words of the domain; adapters are passed in',
  ),
  zone(service('xrpc'), adapters.map(service), 'a handler asks an operation'),
  zone(
    service('stream'),
    ['xrpc', 'oauth', 'http.ts', ...adapters].map(service),
    'streams ask operations, and are opened by xrpc',
  ),
  zone(service('auth'), ['operations', 'stores', 'blobs', 'pds', 'xrpc'].map(service), 'auth receives ports'),
  ...adapters.map((adapter) =>
    zone(
      service(adapter),
      ['operations', 'xrpc', 'auth', ...adapters.filter((other) => other !== adapter)].map(service),
      'an adapter knows the ports of core, not its neighbours',
    ),
  ),
  zone(
    [
      'auth',
      'xrpc',
      'operations',
      'oauth',
      'stores',
      'blobs',
      'pds',
      'identity',
      'limits',
      'stream',
      'config',
      'composition',
    ].map(service),
    [service('service.ts'), service('composition')],
    'only an entry point builds the service',
  ),

  zone(
    [
      'auth',
      'xrpc',
      'operations',
      'oauth',
      'stores',
      'blobs',
      'pds',
      'identity',
      'limits',
      'stream',
      'config',
    ].map(service),
    service('composition'),
    'only service.ts puts parts together',
  ),

  // client, indexer, web app: the root of core at most.
  zone(
    ['./stratos-client/src', './stratos-indexer/src'],
    // Not the service's tests: how they come by a database serves tests everywhere.
    ['./stratos-service/src', core('repo')],
    'clients use the root of core',
  ),
  zone('./webapp/src', ['./stratos-service', './stratos-core'], 'the web app goes through stratos-client'),
]

const nodeModules = { group: ['node:*'], message: 'this package runs in browsers' }

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/node_modules/',
      '**/coverage/',
      'stratos-core/src/lexicons/',
      'docs/.vitepress/',
      '.cache/',
    ],
  },
  ...tseslint.configs.recommended,
  ...svelte.configs['flat/recommended'],
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  {
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-default-export': 'error',
      'import-x/no-extraneous-dependencies': ['error', { devDependencies: true }],
      'max-lines': ['error', { max: 400 }],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // Browser-safe code, and a service in which nobody reads a credential without checking it.
    files: ['stratos-core/src/**', 'stratos-client/src/**', 'webapp/src/**'],
    ignores: ['stratos-core/src/repo/**', '**/*.test.ts', 'stratos-core/src/testing/**'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [nodeModules] }] },
  },
  {
    files: ['stratos-service/src/operations/**', 'stratos-core/src/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: ['express', '@atproto/xrpc-server', 'kysely', 'pg', 'better-sqlite3', 'ws'].map((name) => ({
            name,
          })),
        },
      ],
    },
  },
  {
    files: ['stratos-service/src/**', 'stratos-core/src/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.name='decodeJwt']",
          message: 'a token that is not verified is not read',
        },
        {
          selector: "CallExpression[callee.property.name='decodeJwt']",
          message: 'a token that is not verified is not read',
        },
      ],
    },
  },
  {
    files: [
      '*.config.{js,ts}',
      '**/*.config.{js,ts}',
      '**/.vitepress/**',
      'scripts/**',
      '**/*.d.ts',
      '**/*.svelte',
    ],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    // The test runner belongs to the workspace, not to each package.
    files: ['**/*.test.ts', '**/tests/**', '*.ts', 'scripts/**', 'stratos-core/src/testing/**'],
    rules: { 'max-lines': 'off', 'import-x/no-extraneous-dependencies': 'off' },
  },
)
