import { WebSocketServer } from 'ws'

const perMessageDeflate = process.env.DEFLATE === 'true'
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate })
server.on('connection', ws => {
  ws.on('message', (payload, binary) => ws.send(payload, { binary }))
  ws.on('error', () => {})
})
server.on('listening', () => console.log(`Ready on ws://127.0.0.1:${server.address().port}`))
