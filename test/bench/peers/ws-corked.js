import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (ws, { socket }) => {
  // These listeners run before and after the library's own, so that the replies to one chunk are sent together.
  socket.prependListener('data', () => socket.cork())
  socket.on('data', () => socket.uncork())
  ws.on('message', (payload, binary) => ws.send(payload, { binary }))
  ws.on('error', () => {})
})
server.on('listening', () => console.log(`Ready on ws://127.0.0.1:${server.address().port}`))
