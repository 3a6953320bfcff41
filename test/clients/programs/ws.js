import { createRequire } from 'node:module'
import { WebSocket } from 'ws'
import { opened, received, run } from './common.js'

const { version } = createRequire(import.meta.url)('ws/package.json')

await run(version, (url, payload, subprotocols, report, end) => {
  const socket = new WebSocket(url, subprotocols)
  socket.on('open', () => {
    report(opened(socket.protocol))
    if (payload !== undefined) socket.send(payload)
  })
  socket.on('message', (data, isBinary) => {
    report(received(data, isBinary, payload))
    socket.close(4001, 'bye')
  })
  socket.on('unexpected-response', (request, { statusCode }) => {
    report(`refused:${statusCode}`)
    request.destroy()
    end()
  })
  socket.on('error', () => report('error'))
  socket.on('close', (code, reason) => {
    report(`close:${code}:${reason}`)
    end()
  })
})
