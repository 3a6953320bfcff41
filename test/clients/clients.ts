import type { CheckName } from './checks.ts'
import { browser, program, type Way } from './ways.ts'

/** The outcome of a check that a client does not pass, and what the client does or lacks. */
type Exception = [outcome: RegExp, reason: string]

export type Client = {
  /** The version that has these exceptions, or how it begins. */
  version: string
  way: Way
  exceptions?: Partial<Record<CheckName, Exception>>
}

const node = (file: string, name: string) =>
  program(`node ${file} "$@"`, `test -d ../node_modules/${name}`, 'npm ci --prefix test/clients')

const python = (file: string, module: string) =>
  program(`/usr/bin/python3 ${file} "$@"`, `/usr/bin/python3 -c 'import ${module}'`, `python3-${module} of Debian`)

const noCompression: Exception = [/\| 400$/, 'offers no compression']
const noStatus: Exception = [/^error .*\| 503$/, 'hides the status of a refusal, as browsers must']
const masked: Exception = [/^open text /, 'accepts masked frames']
const undone: Exception = [/^open wrong /, 'accepts masked frames, and does not unmask them']
const noCloseFrame: Exception = [
  /^open (error|close:).*\| 1006$/,
  'ends the connection without a close frame after an invalid frame',
]

/** All clients by name. */
export const clients: Record<string, Client> = {
  'ws (Node.js)': { version: '8.23.0', way: program('node ws.js "$@"', 'true', 'npm ci') },
  'Node.js': {
    version: '24',
    way: program('node web-main.ts "$@"', 'true', 'npm ci'),
    exceptions: { reject: noStatus },
  },
  'websocket (Node.js)': {
    version: '1.0.35',
    way: node('websocket.js', 'websocket'),
    exceptions: { compression: noCompression, mask: masked },
  },
  'faye-websocket (Node.js)': {
    version: '0.11.4',
    way: node('faye-websocket.js', 'faye-websocket'),
    exceptions: { compression: noCompression, mask: masked },
  },
  Bun: {
    version: '1.4.5',
    way: program(
      '../node_modules/.bin/bun web-main.ts "$@"',
      'test -x ../node_modules/.bin/bun',
      'npm ci --prefix test/clients',
    ),
    exceptions: { reject: noStatus },
  },
  Deno: {
    version: '2.9.6',
    way: program(
      '../node_modules/.bin/deno run --no-config --no-lock --allow-net --allow-env --allow-read web-main.ts "$@"',
      'test -x ../node_modules/.bin/deno',
      'npm ci --prefix test/clients',
    ),
    exceptions: {
      compression: noCompression,
      reject: noStatus,
      rsv: noCloseFrame,
      mask: undone,
      accept: [/^open text /, 'accepts a wrong Sec-WebSocket-Accept'],
    },
  },
  Chromium: { version: '156', way: browser('chrome'), exceptions: { reject: noStatus } },
  Firefox: {
    version: '153',
    way: browser('firefox'),
    exceptions: { reject: noStatus, rsv: noCloseFrame, mask: masked },
  },
  'websockets (Python)': { version: '10.4', way: python('websockets_client.py', 'websockets') },
  'aiohttp (Python)': { version: '3.8.4', way: python('aiohttp_client.py', 'aiohttp'), exceptions: { mask: masked } },
  'Tornado (Python)': {
    version: '6.2',
    way: python('tornado_client.py', 'tornado'),
    exceptions: { rsv: noCloseFrame, mask: masked },
  },
  'websocket-client (Python)': {
    version: '1.2.3',
    way: python('websocket_client.py', 'websocket'),
    exceptions: { compression: noCompression, rsv: noCloseFrame, mask: masked },
  },
  'Mojolicious (Perl)': {
    version: '9.31',
    way: program(
      'perl mojolicious.pl "$@"',
      'perl -MMojolicious -MIO::Socket::SSL -e 1',
      'libmojolicious-perl and libio-socket-ssl-perl of Debian',
    ),
    exceptions: { rsv: [/^open text /, 'ignores reserved bits'], mask: masked },
  },
  'libwebsockets (C)': {
    version: '4.1.6',
    way: program(
      'gcc -o "$BUILD/libwebsockets" libwebsockets.c -lwebsockets && "$BUILD/libwebsockets" "$@"',
      'command -v gcc && test -e /usr/include/libwebsockets.h',
      'gcc, libc6-dev and libwebsockets-dev of Debian',
    ),
    exceptions: {
      compression: [
        /\| 400$/,
        'with compression, delivers an uncompressed message again and again, so it offers none here',
      ],
      rsv: noCloseFrame,
      mask: undone,
    },
  },
  'gorilla/websocket (Go)': {
    version: '1.5.0',
    way: program(
      `GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$BUILD/gorilla" gorilla.go && "$BUILD/gorilla" \
        "$(dpkg-query -W -f '\${Version}' golang-github-gorilla-websocket-dev)" "$@"`,
      'command -v go && test -d /usr/share/gocode/src/github.com/gorilla/websocket',
      'golang-go and golang-github-gorilla-websocket-dev of Debian',
    ),
    exceptions: { compression: [/\| 400$/, 'offers compression without context takeover only'] },
  },
}
