import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { hasPythonModule, python } from '../requirements.ts'
import { docker, serverImage } from './stack.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const examples = join(root, 'test/example')
const run = promisify(execFile)

describe.skipIf(!inject('stack'))('the example for Node, copied into another project', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
    for (const file of ['reconnecting-client.ts', 'reconnecting-client.test.ts']) {
      await cp(join(examples, file), join(folder, file))
    }
    await writeFile(join(folder, 'package.json'), '{}')
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    return () => rm(folder, { recursive: true })
  })

  const vitest = (env: Record<string, string | undefined>) => {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
    const file = join(root, 'node_modules/vitest/vitest.mjs')
    return run(process.execPath, [file, 'run'], {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
    })
  }

  test('passes', async () => {
    expect((await vitest({ ECHO_IMAGE: await serverImage() })).stdout).toMatch(/Tests +6 passed \(6\)/)
  })

  test('fails without an image, and says what to set', async () => {
    await expect(vitest({ ECHO_IMAGE: undefined })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Set ECHO_IMAGE'),
    })
  })
})

test.skipIf(!inject('stack'))('the example for Python passes', async ({ skip }) => {
  if (!hasPythonModule('websockets')) {
    expect(process.env.CI, 'CI lacks python3-websockets').toBeUndefined()
    skip('python3-websockets is not installed')
  }
  const ports = ['-p', '127.0.0.1::7777', '-p', '127.0.0.1::7778']
  const env = ['-e', 'CONTROL_PORT=7778', '-e', 'CONTROL_HOST=0.0.0.0', '-e', 'JOURNAL_SIZE=1MiB']
  const id = (await docker('run', '-d', ...ports, ...env, await serverImage())).trim()
  onTestFinished(async () => void (await docker('rm', '-f', id)))
  const addressOf = async (port: string) => (await docker('port', id, port)).trim()
  const [url, control] = [`ws://${await addressOf('7777')}`, `http://${await addressOf('7778')}`]
  await vi.waitFor(() => fetch(`${control}/readyz`), { timeout: 30_000 })
  await run(python, [join(examples, 'reconnecting_client.py'), url, control])
})
