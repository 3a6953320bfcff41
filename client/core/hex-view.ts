import type { Message } from './message.ts'

/** A row of a hex view. */
export type HexRow = {
  /** The index of the first byte, in eight hex digits. */
  offset: string
  /** The bytes, each in two hex digits. */
  hex: string[]
  /** The printable ASCII characters; a full stop stands for any other byte. */
  text: string
}

/** The bytes of a message in rows, each of which is made only when it is asked for. */
export type HexView = {
  /** In bytes. */
  readonly length: number
  readonly rows: number
  /** Returns a row, from 0 on. */
  row(number: number): HexRow
}

const WIDTH = 16

/** Creates the hex view of a message. Text is shown as its bytes in UTF-8. */
export function createHexView(message: Message, width = WIDTH): HexView {
  const bytes = typeof message === 'string' ? new TextEncoder().encode(message) : message

  return {
    length: bytes.length,
    rows: Math.ceil(bytes.length / width),

    row(number) {
      const at = number * width
      const row = bytes.subarray(at, at + width)
      return {
        offset: at.toString(16).padStart(8, '0'),
        hex: Array.from(row, byte => byte.toString(16).padStart(2, '0')),
        text: String.fromCharCode(...row).replace(/[^ -~]/g, '.'),
      }
    },
  }
}
