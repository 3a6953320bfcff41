/**
 * Connects with the WebSocket of browsers, which Node.js, Deno and Bun have, too. Sends a payload, closes when the reply
 * has arrived, and resolves with the events in order. It runs in a page, so it uses nothing from outside.
 */
export async function attempt(url: string, sends: string, subprotocol: string): Promise<string> {
  const payloads: Record<string, string | Uint8Array<ArrayBuffer>> = {
    text: 'hello',
    empty: '',
    binary: Uint8Array.of(0, 255),
    long: 'x'.repeat(2000),
    large: 'x'.repeat(2 ** 20),
    emoji: '🙂🙃🙂',
  }
  const payload = payloads[sends]
  const events: string[] = []
  const socket = new WebSocket(url, subprotocol === '-' ? [] : [subprotocol])
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => {
    events.push(socket.protocol ? `open:${socket.protocol}` : 'open')
    if (payload !== undefined) socket.send(payload)
  }
  socket.onmessage = ({ data }) => {
    const isText = typeof data === 'string'
    const isSame = isText ? data === payload : String(new Uint8Array(data)) === String(payload)
    events.push(isSame ? (isText ? 'text' : 'binary') : 'wrong')
    socket.close(4001, 'bye')
  }
  socket.onerror = () => events.push('error')
  await new Promise(resolve => {
    socket.onclose = ({ code, reason }) => resolve(events.push(`close:${code}:${reason}`))
    setTimeout(() => resolve(events.push('timeout')), 5000)
  })
  return events.join(' ')
}
