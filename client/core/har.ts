import { withoutCredentials } from './address.ts'
import { toBase64 } from './bytes.ts'
import type { ConnectionEvent } from './connection.ts'
import { joinParts } from './join-parts.ts'
import { describeEvent } from './line.ts'
import type { LogEntry } from './log-store.ts'

/** A log as HTTP Archive, and the number of its lines that have no place there. */
export type Har = { file: Blob; leftOut: number }

type Connection = {
  at: number
  end: number
  url: string
  event: ConnectionEvent
  messages: LogEntry[]
  comments: string[]
  isExported: boolean
}

const TEXT = 1
const BINARY = 2
/** RFC 2606 section 2 reserves this name. An archive cannot leave out an address. */
const UNKNOWN = 'ws://unknown.invalid/'

/**
 * Writes entries as an HTTP Archive 1.2: one entry per connection, with its messages in `_webSocketMessages` as Chrome
 * writes them. Handshakes that failed have status 0. Notes and errors are left out.
 * @param url the address of messages whose connection is no longer in the log
 * @param isExported whether an entry belongs into the file. The others only say to which connection it belongs.
 */
export async function toHar(
  entries: readonly LogEntry[],
  url: string,
  isExported: (entry: LogEntry) => boolean = () => true,
): Promise<Har> {
  const connections: Connection[] = []
  let open: Connection | undefined
  let leftOut = 0

  function begin({ at, event }: LogEntry, isExported: boolean): Connection {
    const address = withoutCredentials(('url' in event && event.url) || url)
    const connection = { at, end: at, url: address, event, messages: [], comments: [], isExported }
    connections.push(connection)
    return connection
  }

  function forgetAddress() {
    const [first] = connections
    if (!first || !('message' in first.event)) return
    first.url = UNKNOWN
    first.comments.unshift('The address of this connection is no longer in the log.')
  }

  for (const entry of entries) {
    const { at, event } = entry
    const isWanted = isExported(entry)
    if (event.type === 'connected') {
      // The address is that of this connection, so an earlier one had another.
      if (connections.length === 1) forgetAddress()
      open = begin(entry, isWanted)
    } else if (event.type === 'refused' || event.type === 'cancelled') {
      begin(entry, isWanted).comments.push(describe(event))
    } else if ('message' in event) {
      open ??= begin(entry, false)
      open.end = at
      if (!isWanted) continue
      open.isExported = true
      open.messages.push(entry)
    } else if (open && (event.type === 'disconnected' || event.type === 'replaced' || event.type === 'left')) {
      open.end = at
      open.comments.push(describe(event))
      open.isExported ||= isWanted
      open = undefined
    } else if (isWanted) leftOut++
  }

  const parts = write(connections.filter(({ isExported }) => isExported))
  return { file: await joinParts(parts, 'application/json'), leftOut }
}

function describe(event: ConnectionEvent): string {
  if (!('url' in event) || event.url === undefined) return describeEvent(event).text
  return describeEvent({ ...event, url: withoutCredentials(event.url) }).text
}

function* write(connections: Connection[]) {
  const creator = { name: 'websocket-echo-stack', version: '1' }
  const log = { version: '1.2', creator, pages: [] }
  yield `{"log":${JSON.stringify(log).slice(0, -1)},"entries":[`
  for (const [i, connection] of connections.entries()) {
    yield `${i > 0 ? ',' : ''}${JSON.stringify(toEntry(connection)).slice(0, -1)},"_webSocketMessages":[`
    for (const [i, entry] of connection.messages.entries()) yield `${i > 0 ? ',' : ''}${toMessage(entry)}`
    yield ']}'
  }
  yield ']}}'
}

function toMessage({ at, event }: LogEntry): string {
  if (!('message' in event)) return ''
  const { type: direction, message } = event
  const isText = typeof message === 'string'
  return JSON.stringify({
    type: direction === 'sent' ? 'send' : 'receive',
    time: at / 1000,
    opcode: isText ? TEXT : BINARY,
    data: isText ? message : toBase64(message),
  })
}

function toEntry({ at, end, url, event, comments }: Connection) {
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
    ...(comments.length > 0 && { comment: comments.join(' ') }),
  }
}
