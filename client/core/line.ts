import type { ConnectionEvent } from './connection.ts'

/** A line of the log: what it says, then the message it is about, if any. */
export type Line = {
  kind: 'system' | 'sent' | 'received' | 'error'
  text: string
  message?: string
}

const SHOWN_CHARACTERS = 10_000
const SHOWN_BYTES = 32

/** Puts an event into words. */
export function describeEvent(event: ConnectionEvent): Line {
  switch (event.type) {
    case 'connected':
      return { kind: 'system', text: 'Connected to the websocket server…' }
    case 'sent':
      return { kind: 'sent', text: 'Sending to the server => ', message: describeMessage(event.message) }
    case 'received':
      return { kind: 'received', text: 'Received from the server => ', message: describeMessage(event.message) }
    case 'disconnected':
      return { kind: 'system', text: `Server disconnected… (${describeClose(event.code, event.reason)})` }
    case 'error':
      return { kind: 'error', text: `Error: ${event.problem}` }
  }
}

function describeMessage(message: string | ArrayBuffer): string {
  if (message instanceof ArrayBuffer) return describeBytes(new Uint8Array(message))
  if (message.length <= SHOWN_CHARACTERS) return message
  return `${message.slice(0, SHOWN_CHARACTERS)}… (${message.length} characters)`
}

function describeBytes(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, SHOWN_BYTES), byte => byte.toString(16).padStart(2, '0'))
  if (bytes.length > SHOWN_BYTES) hex.push('…')
  return [bytes.length, bytes.length === 1 ? 'byte' : 'bytes', ...hex].join(' ')
}

/** 1005 and 1006 are never sent: a browser reports them for what was missing (RFC 6455 section 7.4.1). */
function describeClose(code: number, reason: string): string {
  const missing = new Map([
    [1005, ': no code given'],
    [1006, ': no close frame'],
  ])
  return `code ${code}${missing.get(code) ?? ''}${reason && `, reason: ${reason}`}`
}
