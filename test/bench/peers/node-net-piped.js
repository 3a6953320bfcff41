import { createServer } from 'node:net'

// The echo of Node's documentation: like a WebSocket server's, it holds back what isn't read, and so keeps state.
const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(0, '127.0.0.1', () => console.log(`Ready on tcp://127.0.0.1:${server.address().port}`))
