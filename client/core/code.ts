import { toBase64 } from './bytes.ts'
import type { Message } from './message.ts'

/** A connection and a message as code. */
export type Language = 'browser' | 'node' | 'python' | 'go' | 'wscat' | 'curl'

export type CodeRequest = {
  /** With the faults in its query. */
  url: string
  protocols: string[]
  /** Absent if nothing is to be sent. */
  message?: Message
}

/** The languages with their names. */
export const languages: [Language, string][] = [
  ['browser', 'JavaScript (browser)'],
  ['node', 'JavaScript (Node, ws)'],
  ['python', 'Python (websockets)'],
  ['go', 'Go (gorilla/websocket)'],
  ['wscat', 'Shell (wscat)'],
  ['curl', 'Shell (curl, handshake only)'],
]

/** Characters that a reader of the code could not see, and that could make it look like other code. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const CURL_SECONDS = 3

/** Writes a program or command that opens the same connection, sends the message and prints each message received. */
export function toCode(language: Language, request: CodeRequest): string {
  const url = URL.canParse(request.url) ? new URL(request.url).href : request.url
  return WRITERS[language]({ ...request, url })
}

const WRITERS: Record<Language, (request: CodeRequest) => string> = {
  browser({ url, protocols, message }) {
    const payload = isBinary(message)
      ? `Uint8Array.from(atob("${toBase64(message)}"), character => character.charCodeAt(0))`
      : js(message)
    return lines(
      `const socket = new WebSocket(${[js(url), ...list(protocols, js)].join(', ')})`,
      'socket.binaryType = "arraybuffer"',
      message !== undefined && `socket.onopen = () => socket.send(${payload})`,
      'socket.onmessage = ({ data }) => console.log("Received:", data)',
      'socket.onclose = ({ code, reason }) => console.log("Closed:", code, reason)',
    )
  },

  node({ url, protocols, message }) {
    const payload = isBinary(message) ? `Buffer.from("${toBase64(message)}", "base64")` : js(message)
    return lines(
      '// npm install ws',
      'import WebSocket from "ws"',
      '',
      `const socket = new WebSocket(${[js(url), ...list(protocols, js)].join(', ')})`,
      message !== undefined && `socket.on("open", () => socket.send(${payload}))`,
      'socket.on("message", (data, isBinary) => console.log("Received:", isBinary ? data : String(data)))',
      'socket.on("error", error => console.error(error.message))',
      'socket.on("close", (code, reason) => console.log("Closed:", code, String(reason)))',
    )
  },

  python({ url, protocols, message }) {
    const payload = isBinary(message) ? `bytes.fromhex("${digits(message)}")` : python(message)
    const offer = list(protocols, python).map(protocols => `subprotocols=${protocols}`)
    return lines(
      '# pip install websockets',
      'import asyncio, websockets',
      '',
      'async def main():',
      `    async with websockets.connect(${[python(url), ...offer].join(', ')}) as socket:`,
      message !== undefined && `        await socket.send(${payload})`,
      '        async for message in socket:',
      '            print("Received:", message)',
      '        print("Closed:", socket.close_code, socket.close_reason)',
      '',
      'asyncio.run(main())',
    )
  },

  go({ url, protocols, message }) {
    const bytes = isBinary(message) ? `"${digits(message).replace(/../g, '\\x$&')}"` : go(message)
    const kind = isBinary(message) ? 'BinaryMessage' : 'TextMessage'
    const offer = list(protocols, go).map(protocols => `\tdialer.Subprotocols = []string{${protocols.slice(1, -1)}}`)
    const write = `\tif err := socket.WriteMessage(websocket.${kind}, []byte(${bytes})); err != nil {`
    const fail = ['\t\tlog.Fatal(err)', '\t}']
    return lines(
      '// go get github.com/gorilla/websocket',
      'package main',
      '',
      'import (',
      '\t"fmt"',
      '\t"log"',
      '',
      '\t"github.com/gorilla/websocket"',
      ')',
      '',
      'func main() {',
      '\tdialer := *websocket.DefaultDialer',
      ...offer,
      `\tsocket, _, err := dialer.Dial(${go(url)}, nil)`,
      '\tif err != nil {',
      ...fail,
      '\tdefer socket.Close()',
      ...(message === undefined ? [] : [write, ...fail]),
      '\tfor {',
      '\t\t_, message, err := socket.ReadMessage()',
      '\t\tif err != nil {',
      ...fail.map(line => `\t${line}`),
      '\t\tfmt.Printf("Received: %q\\n", message)',
      '\t}',
      '}',
    )
  },

  wscat({ url, protocols, message }) {
    const isPossible = !isBinary(message) && !message?.includes('\0')
    return lines(
      '# npm install --global wscat',
      !isPossible && '# wscat cannot send binary messages or NUL characters, so this command only connects.',
      [
        'wscat',
        `--connect ${shell(url)}`,
        ...protocols.map(protocol => `--subprotocol ${shell(protocol)}`),
        ...(isPossible && message !== undefined ? [`--wait -1 --execute ${shell(message)}`] : []),
      ].join(' '),
    )
  },

  curl({ url, protocols }) {
    const headers = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      // The sample of RFC 6455 section 1.3: curl does not check the answer to it.
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...(protocols.length > 0 ? [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`] : []),
    ]
    return lines(
      `# Prints the response to the handshake, and ends after ${CURL_SECONDS} s. It sends no message.`,
      `curl --include --http1.1 --no-buffer --globoff --max-time ${CURL_SECONDS} \\`,
      ...headers.map(header => `  --header ${shell(header)} \\`),
      `  ${shell(url.replace(/^ws/i, 'http'))}`,
    )
  },
}

const lines = (...all: (string | false)[]) => `${all.filter(line => line !== false).join('\n')}\n`

const isBinary = (message: Message | undefined): message is Uint8Array<ArrayBuffer> => message instanceof Uint8Array

const digits = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** Writes a list of strings, or nothing if it is empty. */
const list = (items: string[], write: (item: string) => string) =>
  items.length > 0 ? [`[${items.map(write).join(', ')}]`] : []

/** A string of JSON in which `write` escapes the invisible characters. Like a browser, replaces lone surrogates. */
const quote = (text: string, write: (character: string) => string) =>
  JSON.stringify(text.toWellFormed()).replace(INVISIBLE, write)

const unit = (code: number) => `\\u${code.toString(16).padStart(4, '0')}`

/** Writes a string for JavaScript. An escaped `<` cannot end a script element or begin a comment in HTML. */
const js = (text = '') =>
  quote(text, found => Array.from({ length: found.length }, (_, i) => unit(found.charCodeAt(i))).join('')).replace(
    /<(?=[/!])/g,
    '\\x3c',
  )

/** Writes a string for Python or Go, which share their escapes. */
const python = (text = '') =>
  quote(text, found => {
    const code = found.codePointAt(0) ?? 0
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : unit(code)
  })
const go = python

/** Writes an argument for a POSIX shell. With invisible characters it needs the `$'…'` of bash, zsh and newer shells. */
function shell(text: string): string {
  const whole = text.toWellFormed()
  if (whole.search(INVISIBLE) === -1) return `'${whole.replaceAll("'", "'\\''")}'`
  const escaped = whole
    .replace(/[\\']/g, '\\$&')
    .replace(INVISIBLE, found => digits(new TextEncoder().encode(found)).replace(/../g, '\\x$&'))
  return `$'${escaped}'`
}
