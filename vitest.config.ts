import { defineConfig } from 'vitest/config'

/** One configuration for all packages. `STRATOS_TEST_LONG=true` adds the campaigns that take minutes. */
export default defineConfig({
  test: {
    include: [
      'scripts/**/*.test.ts',
      '{stratos-*,webapp,test-network,bench}/{src,tests}/**/*.test.ts',
      ...(process.env.STRATOS_TEST_LONG === 'true' ? ['stratos-*/tests/**/*.long.ts'] : []),
    ],
    globalSetup: ['stratos-service/tests/_util/postgres-setup.ts'],
    // Networks of several processes start in many files; more at a time than processors only makes them slow.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // On a machine that others use at the same time something may take longer than anybody waits. Here it shows at once.
    retry: process.env.CI === 'true' ? 1 : 0,
    reporters: ['default', './scripts/summary-reporter.ts'],
    coverage: { include: ['stratos-*/src/**'], exclude: ['stratos-core/src/lexicons/**'] },
  },
})
