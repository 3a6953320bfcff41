import { beforeAll } from 'vitest'
import { describeEcho } from '../suite/echo.ts'
import { describeFrames } from '../suite/frames.ts'
import { startServer } from './serve.ts'

let url: string
let slowUrl: string
beforeAll(async () => {
  const [fast, slow] = await Promise.all([startServer(), startServer({ FAST_PATH: '0' })])
  url = fast.url
  slowUrl = slow.url
  return () => Promise.all([fast.server.close(), slow.server.close()])
})

describeFrames('directly', () => `${url}raw`)
describeFrames('directly, without the fast path', () => `${slowUrl}raw`)
describeEcho('directly, without the fast path', () => ({ url: slowUrl, prefix: '[RE]: ' }))
