import { createRequire } from 'node:module'
import faye from 'faye-websocket'
import { opened, received, run } from './common.js'

const { version } = createRequire(import.meta.url)('faye-websocket/package.json')

await run(version, (url, payload, subprotocols, report, end) => {
  const socket = new faye.Client(url, subprotocols)
  socket.on('open', () => {
    report(opened(socket.protocol))
    if (payload !== undefined) socket.send(payload)
  })
  socket.on('message', ({ data }) => {
    report(received(data, typeof data !== 'string', payload))
    socket.close(4001, 'bye')
  })
  socket.on('error', ({ message }) => {
    const [, status] = /Unexpected response code: (\d+)/.exec(message) ?? []
    report(status ? `refused:${status}` : 'error')
  })
  socket.on('close', ({ code, reason }) => {
    report(`close:${code}:${reason}`)
    end()
  })
})
