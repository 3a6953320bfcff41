import type { IncomingMessage } from 'node:http'

export type Header = [name: string, value: string]

/** Returns all headers, as they were written. */
export const headersOf = ({ rawHeaders }: IncomingMessage): Header[] =>
  Array.from({ length: rawHeaders.length / 2 }, (_, i) => rawHeaders.slice(2 * i, 2 * i + 2) as Header)
