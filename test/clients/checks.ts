/** One connection that each client makes. */
export type Check = {
  /** A verb and an object: the client passes if it does this. */
  title: string
  query?: string
  /** The payload that the client sends: the programs know them by name. Without one it sends nothing. */
  sends?: 'text' | 'empty' | 'binary' | 'long' | 'large' | 'emoji'
  subprotocol?: string
  isSecure?: boolean
  /** Matches the events that the client reports, and how the server logs the end of the connection or the refusal. */
  expected: RegExp
}

/** The checks by name, in the order in which clients make them. */
export const checks = {
  text: { title: 'exchanges a text', sends: 'text', expected: /^open text / },
  empty: { title: 'exchanges an empty text', sends: 'empty', expected: /^open text / },
  binary: { title: 'exchanges binary data', sends: 'binary', expected: /^open binary / },
  large: { title: 'exchanges 1 MiB', sends: 'large', expected: /^open text / },
  fragments: {
    title: 'joins emoji that arrive in fragments',
    query: 'fragment=3',
    sends: 'emoji',
    expected: /^open text /,
  },
  ping: {
    title: 'answers pings',
    // The server ends a connection that does not answer one ping before the next.
    query: 'ping=400ms&close=4000&after=1s',
    expected: /^open close:4000:.* \| (?!1006)/,
  },
  compression: {
    title: 'compresses messages',
    // The server refuses a client that offers none.
    query: 'compress=takeover',
    sends: 'long',
    expected: /^open text /,
  },
  subprotocol: { title: 'agrees on a subprotocol', sends: 'text', subprotocol: 'chat', expected: /^open:chat text / },
  'own-close': { title: 'closes with a code and a reason', sends: 'text', expected: /^open text .*\| 4001 bye$/ },
  close: {
    title: 'reports the server’s close code and reason',
    query: 'close=4000&reason=go',
    expected: /^open close:4000:go.* \| (?!1006)/,
  },
  reject: { title: 'reports the status of a refusal', query: 'reject=503', expected: /^refused:503 .*\| 503$/ },
  drop: { title: 'reports the end of a connection', query: 'drop=fin&after=200ms', expected: /^open (error|close:)/ },
  rsv: {
    title: 'closes with 1002 at a reserved bit',
    query: 'corrupt=rsv',
    sends: 'text',
    expected: /^open (error|close:).* \| 1002/,
  },
  mask: {
    title: 'closes with 1002 at a masked frame',
    query: 'corrupt=mask',
    sends: 'text',
    expected: /^open (error|close:).* \| 1002/,
  },
  accept: {
    title: 'refuses a wrong Sec-WebSocket-Accept',
    query: 'handshake=wrong-accept',
    sends: 'text',
    expected: /^(error|close:)/,
  },
  tls: {
    title: 'verifies a certificate of an authority that it was told to trust',
    sends: 'text',
    isSecure: true,
    expected: /^open text /,
  },
} satisfies Record<string, Check>

export type CheckName = keyof typeof checks
