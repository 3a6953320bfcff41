import type { IncomingMessage } from 'node:http'

/** Returns the subprotocols that a client offers, in its order. */
export const offeredBy = ({ headers }: IncomingMessage): string[] =>
  headers['sec-websocket-protocol']?.split(',').map(name => name.trim()) ?? []
