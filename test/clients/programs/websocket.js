import { createRequire } from 'node:module'
import websocket from 'websocket'
import { opened, received, run } from './common.js'

const { version } = createRequire(import.meta.url)('websocket/package.json')

await run(version, (url, payload, subprotocols, report, end) => {
  const client = new websocket.client()
  client.on('connect', connection => {
    report(opened(connection.protocol))
    connection.on('message', ({ type, utf8Data, binaryData }) => {
      report(received(utf8Data ?? binaryData, type === 'binary', payload))
      connection.close(4001, 'bye')
    })
    connection.on('error', () => report('error'))
    connection.on('close', (code, reason) => {
      report(`close:${code}:${reason}`)
      end()
    })
    if (Buffer.isBuffer(payload)) connection.sendBytes(payload)
    else if (payload !== undefined) connection.sendUTF(payload)
  })
  client.on('httpResponse', ({ statusCode }) => {
    report(`refused:${statusCode}`)
    end()
  })
  client.on('connectFailed', () => {
    report('error')
    end()
  })
  client.connect(url, subprotocols)
})
