import Gio from 'gi://Gio'
import GLib from 'gi://GLib'
import Soup from 'gi://Soup?version=3.0'

const payloads = {
  text: 'hello',
  empty: '',
  binary: Uint8Array.of(0, 255),
  long: 'x'.repeat(2000),
  large: 'x'.repeat(2 ** 20),
  emoji: '🙂🙃🙂',
}

const session = new Soup.Session()
session.tls_database = Gio.TlsFileDatabase.new(GLib.getenv('SSL_CERT_FILE'))

function attempt(url, sends, subprotocol) {
  const events = []
  const loop = new GLib.MainLoop(null, false)
  const payload = payloads[sends]
  const message = Soup.Message.new('GET', url)
  const late = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 5000, () => {
    events.push('timeout')
    loop.quit()
    return true
  })
  const protocols = subprotocol === '-' ? [] : [subprotocol]
  session.websocket_connect_async(message, null, protocols, GLib.PRIORITY_DEFAULT, null, (_, result) => {
    let socket
    try {
      socket = session.websocket_connect_finish(result)
    } catch {
      const status = message.get_status()
      events.push(status > 101 ? `refused:${status}` : 'error')
      loop.quit()
      return
    }
    socket.max_incoming_payload_size = 2 ** 21
    const name = socket.get_protocol()
    events.push(name ? `open:${name}` : 'open')
    socket.connect('message', (_, type, data) => {
      const isText = type === Soup.WebsocketDataType.TEXT
      const bytes = data.toArray()
      const isSame = isText ? new TextDecoder().decode(bytes) === payload : bytes.join() === payload?.join?.()
      events.push(isSame ? (isText ? 'text' : 'binary') : 'wrong')
      socket.close(4001, 'bye')
    })
    socket.connect('error', () => events.push('error'))
    socket.connect('closed', () => {
      events.push(`close:${socket.get_close_code()}:${socket.get_close_data() ?? ''}`)
      loop.quit()
    })
    if (typeof payload === 'string') socket.send_text(payload)
    else if (payload) socket.send_message(Soup.WebsocketDataType.BINARY, new GLib.Bytes(payload))
  })
  loop.run()
  GLib.source_remove(late)
  return events.join(' ')
}

print(JSON.stringify({ version: [Soup.MAJOR_VERSION, Soup.MINOR_VERSION, Soup.MICRO_VERSION].join('.') }))
const words = [...ARGV]
while (words.length > 0) {
  const [check, ...wanted] = words.splice(0, 4)
  print(JSON.stringify({ check, events: attempt(...wanted) }))
}
