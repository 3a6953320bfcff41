import { defineConfig } from 'vitest/config'

// Nothing that a test asserts depends on these limits. They end a test that hangs, and leave a busy machine enough time.
const patience = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 10_000 } } }

export default defineConfig({
  test: {
    // By default a machine with two cores gets one worker, but most tests wait more than they compute.
    maxWorkers: '100%',
    projects: [
      { test: { ...patience, name: 'unit', include: ['test/unit/*.test.ts'] } },
      { test: { ...patience, name: 'integration', include: ['test/integration/*.test.ts'] } },
      {
        test: {
          ...patience,
          name: 'stack',
          include: ['test/stack/*.test.ts', 'test/browser/*.test.ts'],
          globalSetup: 'test/stack/setup.ts',
          hookTimeout: 120_000,
        },
      },
      {
        test: { ...patience, name: 'clients', include: ['test/clients/*.test.ts'], testTimeout: 90_000 },
      },
      {
        test: { name: 'docs', include: ['test/docs/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000 },
      },
      {
        test: { name: 'swarm', include: ['test/swarm/*.test.ts'], testTimeout: 120_000, hookTimeout: 240_000 },
      },
    ],
  },
})
