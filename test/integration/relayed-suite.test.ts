import { beforeAll, describe } from 'vitest'
import { describeEcho } from '../suite/echo.ts'
import { describeFaults } from '../suite/faults.ts'
import { describeFrames } from '../suite/frames.ts'
import { describeHandshakes } from '../suite/handshakes.ts'
import { startServer } from './serve.ts'

/** Starts an echo, and a server in front of it. */
async function startRelay(env: Record<string, string> = {}) {
  const backend = await startServer({ REPLY_PREFIX: '', ...env })
  const relay = await startServer({ UPSTREAM: backend.url, ...env })
  return {
    url: relay.url,
    async close() {
      await relay.close()
      await backend.close()
    },
  }
}

describe('through a relay', () => {
  let url = ''
  beforeAll(async () => {
    const relay = await startRelay()
    url = relay.url
    return relay.close
  })

  describeEcho('to the echo', () => ({ url, prefix: '' }))
  describeFrames('to the echo', () => url, '', true)
  describeFaults('to the echo', () => url, true)
  describeHandshakes('to the echo', () => url)
  describeEcho('to /echo of the relay', () => ({ url: `${url}echo`, prefix: '[RE]: ' }))
  describeEcho('to /raw of the relay', () => ({ url: `${url}raw`, prefix: '' }))
})
