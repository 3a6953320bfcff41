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
      // After one second Docker kills the container, and its exit code is 137.
      await docker('stop', '-t', '1', id)
      expect(await closed).toMatchObject({ code: 1001 })
      expect(await inspect(id, '{{.State.ExitCode}}')).toBe('0')
    } finally {
      await docker('rm', '-f', id)
    }
  })

  test.for([0, 50, 100, 200, 300])('stops within 2 s of docker stop, %i ms after docker run', async wait => {
    const id = (await docker('run', '-d', await serverImage())).trim()
    try {
      await delay(wait)
      const stopped = performance.now()
      await docker('stop', '-t', '5', id)
      expect(performance.now() - stopped).toBeLessThan(2000)
      // 143 if the signal arrives before Node.js has handlers for it.
      expect(await inspect(id, '{{.State.ExitCode}}')).toMatch(/^(0|143)$/)
    } finally {
      await docker('rm', '-f', id)
    }
  })
})
