import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, inject, test } from 'vitest'
import { connect } from '../suite/client.ts'
import { docker, serverImage } from './stack.ts'

const inspect = async (id: string, format: string) => (await docker('inspect', '-f', format, id)).trim()

describe.skipIf(!inject('stack'))('the server’s image without compose', () => {
  test.for([[], ['--init']])('becomes ready and healthy, and stops promptly: docker run %o', async flags => {
    const id = (await docker('run', '-d', '-p', '127.0.0.1::7777', ...flags, await serverImage())).trim()
    try {
      await expect.poll(() => inspect(id, '{{.State.Health.Status}}'), { timeout: 30_000 }).toBe('healthy')
      expect(await docker('logs', id)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z INFO {2}Ready on ws:\/\/localhost:7777$/m)
      const address = (await docker('port', id, '7777')).trim()
      const { socket, next, closed } = await connect(`ws://${address}/`)
      socket.send('hello')
      expect(await next()).toBe('[RE]: hello')
      socket.close()
      await closed
      // After one second Docker kills the process, and the exit code is 137.
      await docker('stop', '-t', '1', id)
      expect(await inspect(id, '{{.State.ExitCode}}')).toBe('0')
    } finally {
      await docker('rm', '-f', id)
    }
  })

  test.for([100, 200, 300])('stops promptly %i ms after its start, even as process 1', async wait => {
    const id = (await docker('run', '-d', await serverImage())).trim()
    try {
      await delay(wait)
      await docker('stop', '-t', '5', id)
      expect(await inspect(id, '{{.State.ExitCode}}')).toBe('0')
    } finally {
      await docker('rm', '-f', id)
    }
  })
})
