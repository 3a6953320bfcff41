import { createServer } from 'node:net'

// The lower limit: the cost of echoing bytes in Node without WebSockets.
const server = createServer({ noDelay: true }, socket => {
  socket.on('data', bytes => socket.write(bytes))
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1', () => console.log(`Ready on tcp://127.0.0.1:${server.address().port}`))
