import { toBase64 } from './bytes.ts'
import type { ConnectionEvent } from './connection.ts'
import { describeEvent } from './line.ts'
import type { LogEntry } from './log-store.ts'
import type { Message } from './message.ts'

/** A log as HTTP Archive, and the number of its lines that have no place there. */
export type Har = { file: Blob; leftOut: number }

type Connection = { at: number; end: number; url: string; event: ConnectionEvent; messages: object[]; comment?: string }

const TEXT = 1
const BINARY = 2

/**
 * Writes entries as an HTTP Archive 1.2: one entry per connection, with its messages in `_webSocketMessages` as Chrome
 * writes them. Handshakes that failed have status 0. Notes and errors are left out.
 * @param url the address of messages whose connection is no longer in the log
 */
export function toHar(entries: readonly LogEntry[], url: string): Har {
  const connections: Connection[] = []
  let open: Connection | undefined
  let leftOut = 0

  function begin({ at, event }: LogEntry): Connection {
    const connection = { at, end: at, url: ('url' in event && event.url) || url, event, messages: [] }
    connections.push(connection)
    return connection
  }

  for (const entry of entries) {
    const { at, event } = entry
    if (event.type === 'connected') open = begin(entry)
    else if (event.type === 'refused' || event.type === 'cancelled') begin(entry).comment = describeEvent(event).text
    else if ('message' in event) {
      open ??= begin(entry)
      open.end = at
      open.messages.push(toMessage(at, event.type, event.message))
    } else if (open && (event.type === 'disconnected' || event.type === 'replaced' || event.type === 'left')) {
      Object.assign(open, { end: at, comment: describeEvent(event).text })
      open = undefined
    } else leftOut++
  }

  const creator = { name: 'websocket-echo-stack', version: '1' }
  const log = { version: '1.2', creator, pages: [], entries: connections.map(toEntry) }
  return { file: new Blob([JSON.stringify({ log })], { type: 'application/json' }), leftOut }
}

function toMessage(at: number, direction: 'sent' | 'received', message: Message) {
  const isText = typeof message === 'string'
  return {
    type: direction === 'sent' ? 'send' : 'receive',
    time: at / 1000,
    opcode: isText ? TEXT : BINARY,
    data: isText ? message : toBase64(message),
  }
}

function toEntry({ at, end, url, event, messages, comment }: Connection) {
  const isOpen = event.type !== 'refused' && event.type !== 'cancelled'
  const protocol = event.type === 'connected' ? event.protocol : ''
  const extensions = event.type === 'connected' ? event.extensions : ''
  const headers = [
    { name: 'Sec-WebSocket-Protocol', value: protocol },
    { name: 'Sec-WebSocket-Extensions', value: extensions },
  ].filter(({ value }) => value !== '')
  const common = { httpVersion: isOpen ? 'HTTP/1.1' : '', cookies: [], headersSize: -1, bodySize: -1 }
  const queryString = URL.canParse(url) ? [...new URL(url).searchParams].map(([name, value]) => ({ name, value })) : []
  return {
    startedDateTime: new Date(at).toISOString(),
    time: end - at,
    request: { ...common, method: 'GET', url, headers: [], queryString },
    response: {
      ...common,
      status: isOpen ? 101 : 0,
      statusText: isOpen ? 'Switching Protocols' : '',
      headers,
      content: { size: 0, mimeType: 'x-unknown' },
      redirectURL: '',
    },
    cache: {},
    timings: { send: 0, wait: 0, receive: end - at },
    _resourceType: 'websocket',
    _webSocketMessages: messages,
    ...(comment !== undefined && { comment }),
  }
}
