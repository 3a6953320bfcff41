import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { hasPythonModule, python } from '../requirements.ts'

const stack = inject('stack')

test.skipIf(!stack || !hasPythonModule('websockets'))('Python’s websockets client gets its answers', () => {
  const script = fileURLToPath(new URL('foreign-client.py', import.meta.url))
  const output = execFileSync(python, [script, stack?.ws ?? ''], { encoding: 'utf8' })
  expect(output).toBe("'[RE]: hello'\nb'\\x00\\xff'\nclosed 1000\n")
})
