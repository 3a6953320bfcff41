import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'

const stack = inject('stack')
const python = '/usr/bin/python3'
const hasClient = spawnSync(python, ['-c', 'import websockets']).status === 0

test.skipIf(!stack)('Python’s websockets client gets its answers', ({ skip }) => {
  if (!hasClient) {
    expect(process.env.CI, 'CI lacks python3-websockets').toBeUndefined()
    skip('python3-websockets is not installed')
  }
  const script = fileURLToPath(new URL('foreign-client.py', import.meta.url))
  const output = execFileSync(python, [script, stack?.ws ?? ''], { encoding: 'utf8' })
  expect(output).toBe("'[RE]: hello'\nb'\\x00\\xff'\nclosed 1000\n")
})
