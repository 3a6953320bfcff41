import type { Message } from './message.ts'

/** The bytes that a text stands for, or one line that says why it is invalid. */
export type Parsed = { bytes: Uint8Array<ArrayBuffer> } | { problem: string }

/** Reads pairs of hex digits. A pair may start with `0x`; whitespace, commas and colons may separate pairs. */
export function parseHex(text: string): Parsed {
  const bytes = new Uint8Array(text.length >> 1)
  let length = 0
  const byte = /[\s,:]*((?:0x)?)([\da-f]{0,2})/iy
  while (byte.lastIndex < text.length) {
    const [, prefix = '', digits = ''] = byte.exec(text) ?? []
    const end = byte.lastIndex
    if (digits.length === 2) {
      bytes[length++] = Number.parseInt(digits, 16)
      continue
    }
    const start = end - digits.length - prefix.length
    const count = digits ? 'only one hex digit' : 'no hex digit'
    if (end < text.length) {
      if (/[^\s,:]/.test(text.charAt(end))) return { problem: `${place(text, end)} is not a hex digit` }
      return { problem: `the byte at position ${start + 1} has ${count}` }
    }
    if (start < end) return { problem: `the last byte has ${count}` }
  }
  return { bytes: bytes.slice(0, length) }
}

/**
 * Reads base64 in either alphabet (RFC 4648 sections 4 and 5). Whitespace is ignored. Padding is optional, but must be
 * correct if present, and no bits may be left over (section 3.5).
 */
export function parseBase64(text: string): Parsed {
  const wrong = text.search(/[^\w+/\-=\s]/)
  if (wrong !== -1) return { problem: `${place(text, wrong)} is not a base64 digit` }
  const pad = text.indexOf('=')
  if (pad !== -1 && /[^=\s]/.test(text.slice(pad))) {
    return { problem: `${place(text, pad)} is padding, which must be at the end` }
  }

  const padded = text.replace(/\s/g, '')
  const digits = padded.replace(/=+$/, '')
  const padding = padded.length - digits.length
  const rest = digits.length % 4
  if (rest === 1) return { problem: 'one base64 digit is left over, and a byte needs two' }
  const needed = (4 - rest) % 4
  if (padding > 0 && padding !== needed) {
    return { problem: `the padding is ${padding} × "=", but must be ${needed ? `${needed} or none` : 'none'}` }
  }
  const isWhole = rest === 0 || (rest === 2 ? /[AQgw]$/ : /[AEIMQUYcgkosw048]$/).test(digits)
  if (!isWhole) return { problem: `the last base64 digit "${digits.at(-1)}" has bits beyond the last byte` }

  const binary = atob(digits.replace(/-/g, '+').replace(/_/g, '/'))
  return { bytes: Uint8Array.from(binary, character => character.charCodeAt(0)) }
}

/** Writes bytes as pairs of lower-case hex digits, separated by spaces. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => PAIRS[byte]).join(' ')
}

/** Writes base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  // JavaScript engines limit the number of arguments of a call.
  for (let at = 0; at < bytes.length; at += 0x2000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x2000))
  return btoa(binary)
}

/** Writes sixteen bytes per line in the format of `hexdump -C`: offset, bytes, printable ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const line = bytes.subarray(at, at + 16)
    const hex = `${toHex(line.subarray(0, 8)).padEnd(23)}  ${toHex(line.subarray(8)).padEnd(23)}`
    const ascii = String.fromCharCode(...line).replace(/[^ -~]/g, '.')
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex}  |${ascii}|`)
  }
  return lines.join('\n')
}

/** Returns the size of a message in bytes. Text counts as UTF-8, in which a lone surrogate becomes U+FFFD. */
export function byteLength(message: Message): number {
  if (typeof message !== 'string') return message.length
  let bytes = message.length
  for (let i = 0; i < message.length; i++) {
    const code = message.charCodeAt(i)
    if (code < 0x80) continue
    bytes += code < 0x800 ? 1 : 2
    // A surrogate pair takes four bytes in UTF-8: two more than its two code units.
    if (isHigh(code) && isLow(message.charCodeAt(i + 1))) i++
  }
  return bytes
}

/** Formats a size, for example `5 B`, `1.5 KiB`, `12 MiB`. */
export function formatSize(bytes: number): string {
  let size = bytes
  let unit = 0
  // 1023.5 would be rounded to 1024.
  while (size >= 1023.5 && unit < UNITS.length - 1) {
    size /= 1024
    unit++
  }
  return `${Number(size.toFixed(size < 10 ? 1 : 0))} ${UNITS[unit]}`
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

const isHigh = (code: number) => code >= 0xd800 && code < 0xdc00
const isLow = (code: number) => code >= 0xdc00 && code < 0xe000

const place = (text: string, at: number) => `"${String.fromCodePoint(text.codePointAt(at) ?? 0)}" at position ${at + 1}`
