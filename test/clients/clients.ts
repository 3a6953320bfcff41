import type { CheckName } from './checks.ts'
import { browser, contained, program, type Way } from './ways.ts'

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
const unshownStatus: Exception = [/^error .*\| 503$/, 'does not say which status a refusal has']
const anyAccept: Exception = [/^open text /, 'accepts a wrong Sec-WebSocket-Accept']
const ignoredBits: Exception = [/^open text /, 'ignores reserved bits']
const noCloseFrame: Exception = [
  /^open (error|close:).*\| 1006$/,
  'ends the connection without a close frame after an invalid frame',
]
const rareCloseFrame: Exception = [
  /^open (error|close:).*\| 100[26]$/,
  'does not always send a close frame after an invalid frame',
]

/** All clients by name. */
export const clients: Record<string, Client> = {
  'ws (Node.js)': { version: '8.23.0', way: program('node ws.js "$@"', 'true', 'npm ci') },
  'undici (Node.js)': {
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
      accept: anyAccept,
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
    exceptions: { rsv: ignoredBits, mask: masked },
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
  'java.net.http (Java)': {
    version: '21',
    exceptions: { compression: noCompression, rsv: rareCloseFrame, mask: rareCloseFrame },
    way: contained('openjdk-21-jdk-headless', 'JavaHttp.java Payloads.java', {
      build: 'javac *.java',
      run: 'java -cp . JavaHttp "$@"',
    }),
  },
  'ClientWebSocket (C#, Mono)': {
    version: '6.12',
    exceptions: {
      compression: noCompression,
      reject: unshownStatus,
      tls: [/^error \| none$/, 'fails the TLS handshake'],
    },
    way: contained('mono-mcs mono-runtime libmono-system4.0-cil ca-certificates-mono', 'Mono.cs', {
      build: 'mcs -out:client.exe Mono.cs',
      run: 'cert-sync "$SSL_CERT_FILE" >/dev/null; mono client.exe "$@"',
    }),
  },
  'libcurl (C)': {
    version: '8.14.1',
    exceptions: { compression: noCompression, rsv: noCloseFrame, mask: noCloseFrame, accept: anyAccept },
    way: contained('gcc libc6-dev libcurl4-openssl-dev pkgconf', 'libcurl.c', {
      build: 'gcc -o client libcurl.c $(pkgconf --libs libcurl)',
      run: './client "$@"',
    }),
  },
  'faye-websocket (Ruby)': {
    version: '0.11.0',
    exceptions: { compression: noCompression, mask: masked },
    way: contained('ruby ruby-faye-websocket', 'faye.rb', { run: 'ruby faye.rb "$@"' }),
  },
  'websocket of Tcllib (Tcl)': {
    version: '1.6',
    exceptions: {
      compression: noCompression,
      'own-close': [/^open text .*\| 1006$/, 'sends no close frame'],
      rsv: noCloseFrame,
      mask: masked,
    },
    way: contained('tcl tcllib tcl-tls ca-certificates', 'websocket.tcl', { run: 'tclsh websocket.tcl "$@"' }),
  },
  'AnyEvent::WebSocket::Client (Perl)': {
    version: '0.55',
    exceptions: {
      compression: noCompression,
      reject: unshownStatus,
      rsv: ignoredBits,
      mask: masked,
      accept: anyAccept,
    },
    way: contained('perl libanyevent-websocket-client-perl libnet-ssleay-perl', 'anyevent.pl', {
      run: 'perl anyevent.pl "$@"',
    }),
  },
  'tungstenite (Rust)': {
    version: '0.24',
    exceptions: { compression: noCompression, rsv: noCloseFrame, mask: noCloseFrame },
    way: contained(
      'cargo librust-tungstenite-dev librust-native-tls-dev libssl-dev pkgconf',
      'tungstenite.rs tungstenite.toml',
      {
        build: `mv tungstenite.toml Cargo.toml && cargo build --offline --config 'source.crates-io.replace-with="debian"' \
        --config 'source.debian.directory="/usr/share/cargo/registry"'`,
        run: `CLIENT_VERSION=$(dpkg-query -W -f '\${Version}' librust-tungstenite-dev) ./target/debug/client "$@"`,
      },
    ),
  },
  'Beast (C++)': {
    version: '1_83',
    way: contained('g++ libboost-dev libssl-dev', 'beast.cpp', {
      build: 'g++ -O1 -o client beast.cpp -lssl -lcrypto',
      run: './client "$@"',
    }),
  },
  'Qt (C++)': {
    version: '6.8',
    exceptions: {
      fragments: [/^open close:1007:/, 'fails if a fragment ends within a character'],
      compression: noCompression,
      reject: unshownStatus,
      mask: masked,
    },
    way: contained('g++ qt6-websockets-dev qt6-base-dev pkgconf', 'qt.cpp', {
      build: 'g++ -o client qt.cpp $(pkgconf --cflags --libs Qt6WebSockets)',
      run: './client "$@"',
    }),
  },
  'libsoup (C, JavaScript)': {
    version: '3.6',
    exceptions: { compression: noCompression },
    way: contained('gjs gir1.2-soup-3.0 glib-networking', 'soup.js', { run: 'gjs -m soup.js "$@"' }),
  },
  'lua-http (Lua)': {
    version: '0.4',
    exceptions: { compression: noCompression, reject: unshownStatus, mask: masked },
    way: contained('lua5.2 lua-http', 'http.lua', { run: 'lua5.2 http.lua "$@"' }),
  },
  'OkHttp (Java)': {
    version: '3.13.1',
    exceptions: { compression: noCompression, rsv: noCloseFrame, mask: noCloseFrame },
    way: contained('openjdk-21-jdk-headless libokhttp-java', 'OkHttp.java Payloads.java', {
      build: "javac -cp '/usr/share/java/*' *.java",
      run: `java -cp '.:/usr/share/java/*' OkHttp "$@"`,
    }),
  },
  'Tomcat (Java)': {
    version: '11.0',
    exceptions: { accept: anyAccept },
    way: contained('openjdk-21-jdk-headless libtomcat11-java', 'Tomcat.java Payloads.java', {
      build: "javac -cp '/usr/share/java/*' *.java",
      run: `CLIENT_VERSION=$(dpkg-query -W -f '\${Version}' libtomcat11-java) java -cp '.:/usr/share/java/*' Tomcat "$@"`,
    }),
  },
  'Netty (Java)': {
    version: '4.1.48',
    exceptions: {
      compression: [/^error .*\| 1006$/, 'refuses compression whose parameters differ from its offer; see below'],
      rsv: ignoredBits,
      mask: noCloseFrame,
    },
    way: contained('openjdk-21-jdk-headless libnetty-java', 'Netty.java Payloads.java', {
      build: "javac -cp '/usr/share/java/*' *.java",
      run: `java -cp '.:/usr/share/java/*' Netty "$@"`,
    }),
  },
  'websockets (Haskell)': {
    version: '0.12.7',
    exceptions: {
      compression: noCompression,
      rsv: ignoredBits,
      mask: masked,
      tls: [/\| none$/, 'has no TLS of its own'],
    },
    way: contained('ghc libghc-websockets-dev', 'Haskell.hs', {
      build: 'ghc -threaded -o client Haskell.hs',
      run: `./client "$(dpkg-query -W -f '\${Version}' libghc-websockets-dev)" "$@"`,
    }),
  },
  'HTTP::WebSocket (Crystal)': {
    version: '1.14',
    exceptions: {
      compression: noCompression,
      subprotocol: [/^open text /, 'does not say which subprotocol was chosen'],
      rsv: ignoredBits,
      mask: masked,
    },
    way: contained('crystal libssl-dev zlib1g-dev pkgconf', 'client.cr', {
      build: 'crystal build client.cr',
      run: './client "$@"',
    }),
  },
  'drogon (C++)': {
    version: '1.9',
    exceptions: {
      fragments: [/^open timeout /, 'does not deliver a text in fragments'],
      compression: noCompression,
      reject: unshownStatus,
      rsv: ignoredBits,
      mask: masked,
      tls: [/\| none$/, 'is built without TLS in Debian'],
    },
    way: contained('g++ libdrogon-dev libjsoncpp-dev', 'drogon.cpp', {
      build:
        'g++ -std=c++20 -o client drogon.cpp $(pkg-config --cflags --libs drogon 2>/dev/null || echo -ldrogon -ltrantor -ljsoncpp -I/usr/include/jsoncpp)',
      run: './client "$@"',
    }),
  },
}
