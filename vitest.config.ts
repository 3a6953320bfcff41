import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/*.test.ts'] } },
      { test: { name: 'integration', include: ['test/integration/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'stack',
          include: ['test/stack/*.test.ts', 'test/browser/*.test.ts'],
          globalSetup: 'test/stack/setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
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
