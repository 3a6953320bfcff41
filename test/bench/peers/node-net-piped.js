import { createServer } from 'node:net'

// The echo of Node's documentation. Like a WebSocket server, it applies backpressure and so keeps state per connection.
const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(0, '127.0.0.1', () => console.log(`Ready on tcp://127.0.0.1:${server.address().port}`))
