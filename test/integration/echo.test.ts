import { beforeAll } from 'vitest'
import { describeEcho } from '../suite/echo.ts'
import { startServer } from './serve.ts'

let url: string
beforeAll(async () => {
  const { server, url: started } = await startServer()
  url = started
  return () => server.close()
})

describeEcho('directly', () => ({ url, prefix: '[RE]: ' }))
describeEcho('directly, verbatim', () => ({ url: `${url}raw`, prefix: '' }))
