import { availableParallelism } from 'node:os';

/** Real ESM in Jest: run through `npm test`, which passes --experimental-vm-modules. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  // Not x.json.js, which is a module that stands beside x.json.
  moduleNameMapper: { '^(\\.{1,2}/.*)(?<!\\.json)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } }] },
  transformIgnorePatterns: ['/node_modules/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.mutants/'],
  globalSetup: '<rootDir>/tests/support/servers/jest-setup.mjs',
  globalTeardown: '<rootDir>/tests/support/servers/jest-teardown.mjs',
  testTimeout: 30_000,
  // Many tests wait for servers: on two cores, Jest's own default of one would leave half of the machine idle.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
