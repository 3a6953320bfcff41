import { deflate } from '../suite/deflate.ts'
import { closePayload, handshake, opcodes } from '../suite/raw-client.ts'
import { type Client, type Handshake, planOf } from './handshakes.ts'
import { bytesOf, createContext, type Expected, expect, type SentFrame } from './model.ts'
import { drawFaults, type Faults, INVALID, parseFaults, type Written } from './parameters.ts'
import { createRandom } from './random.ts'

const { text, binary, close, ping, pong } = opcodes

/** The largest message that the fuzzed servers accept, in bytes. */
export const MAX_PAYLOAD = 65_536

// The size of a pushed message in bytes.
const PUSH = 14

// Slices per second.
const SLICES = 500

// Bytes that a client can send before a delayed answer. The server gives up the handshake above 64 KiB.
const MAX_EARLY = 32_768

/** An action on the control port. */
export type ControlAction =
  | { kind: 'close'; code: number; reason: string }
  | { kind: 'drop'; how: 'fin' | 'rst' }
  | { kind: 'push'; isBinary: boolean; toAll: boolean }
  | { kind: 'faults'; faults: Written[] }

/** Everything that happens on one connection. */
export type Scenario = {
  /** The faults in the query, and the list of default faults during the handshakes. */
  asked: Written
  defaults: Written[]
  /** The test to which the connection belongs, and whether the default faults are for this test alone. */
  testId: string | undefined
  isScoped: boolean
  /** The client's address, as its proxy forwards it. */
  address: string
  /** The handshakes that the same client makes before, and the last one, whose connection stays. */
  earlier: Handshake[]
  handshake: Handshake
  /** The faults of the connection. */
  faults: Faults
  headers: Record<string, string>
  isDeflating: boolean
  /** Whether each message of the server, and of the client, continues the context of the one before. */
  serverTakesOver: boolean
  clientTakesOver: boolean
  /** The window that the client has for the server's messages, as a power of two. */
  windowBits: number
  frames: SentFrame[]
  expected: Expected
  /** The pieces of the handshake and of the frames, each with a pause in milliseconds. */
  start: number[]
  pieces: { end: number; pause: number }[]
  /** Whether the first piece is sent before the handshake has been answered. */
  isEarly: boolean
  /** Patient clients wait for all replies before they close. */
  ending: 'patient' | 'close' | 'end' | 'destroy'
  /** Milliseconds after which the client leaves if no end is certain, and before which it reads nothing. */
  leavesAfter: number
  readsAfter: number
  /** Whether the client ends its side right behind its close frame. */
  isHasty: boolean
  answersPings: boolean
  answersClose: boolean
  asksControl: boolean
  actions: { pause: number; action: ControlAction }[]
  /** The approximate size of the replies in bytes. */
  volume: number
}

/** Returns the bytes of the handshake. */
export const requestOf = (url: string, { headers }: Scenario): Buffer => Buffer.from(`${handshake(url, headers)}\r\n`)

type Random = ReturnType<typeof createRandom>

/** Returns an address of its own for each client. */
const addressOf = (stream: number) => `10.${(stream >> 16) & 255}.${(stream >> 8) & 255}.${stream & 255}`

const OFFERS = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; server_max_window_bits=10',
  'permessage-deflate; client_no_context_takeover',
  'permessage-deflate; server_no_context_takeover',
  'permessage-deflate; server_no_context_takeover, permessage-deflate',
]

/** Generates a list of default faults. */
function drawDefaults(random: Random): Written[] {
  const { below, oneIn, oneOf } = random
  return Array.from({ length: oneOf([1, 1, 1, 2, 3]) }, () => {
    const {
      times: _,
      'up-delay': _delay,
      'up-jitter': _jitter,
      ...faults
    } = oneIn(8) ? {} : drawFaults(random, 1 + below(3))
    return oneIn(3) ? { ...faults, times: oneOf(['1', '2']) } : faults
  })
}

/** Generates the test to which a connection belongs, as its header and its query name it. The query wins. */
function drawTest({ oneIn, oneOf }: Random, stream: number) {
  const id = `test ${stream}`
  const named = oneOf([
    { header: id, query: undefined },
    { header: undefined, query: id },
    { header: 'another test', query: id },
  ])
  return { id, isScoped: oneIn(2), ...named }
}

/** Generates the headers of a handshake. Its credentials are mostly those that one of these faults asks for. */
function drawClient({ oneIn, oneOf }: Random, all: Written[]): Client {
  const faults = all.map(parseFaults)
  const [auth] = faults.flatMap(({ auth }) => auth ?? [])
  const right = auth && `${oneIn(2) ? auth.scheme : auth.scheme.toUpperCase()} ${auth.credentials}`
  const needsOffer = faults.some(({ compress }) => compress !== undefined) && !oneIn(4)
  const needsSubprotocol = faults.some(({ subprotocol }) => subprotocol !== undefined)
  return {
    offer: needsOffer || oneIn(3) ? oneOf(OFFERS) : undefined,
    subprotocols: needsSubprotocol || oneIn(4) ? 'echo, chat' : undefined,
    authorization: auth && oneOf([right, right, right, 'Basic d3Jvbmc=', 'Bearer wrong', 'Digest x', undefined]),
  }
}

/** Generates a scenario. The same seed and stream generate the same one. */
export function drawScenario(seed: number, stream: number): Scenario {
  const random = createRandom(seed * 1_000_003 + stream, MAX_PAYLOAD)
  const { below, oneIn, oneOf } = random
  const pause = (chance: number) => (oneIn(chance) ? below(21) : 0)

  const [invalid, problem] = oneIn(40) ? oneOf(INVALID) : []
  const asked: Written = invalid ? { ...invalid } : drawFaults(random, oneOf([0, 1, 2, 2, 3, 3, 3, 4, 6]))
  if (!invalid && asked.times !== undefined && oneIn(2)) asked.key = `key ${stream}`
  const mayInherit = asked['up-delay'] === undefined && asked['up-jitter'] === undefined
  const inherits = Object.keys(asked).length === 0 || oneIn(asked.times === undefined ? 4 : 2)
  const defaults = inherits && mayInherit ? drawDefaults(random) : []
  const hasSequence = asked.times !== undefined || defaults.some(({ times }, _, { length }) => length > 1 || times)
  const test = oneIn(2) ? drawTest(random, stream) : undefined
  if (test?.query !== undefined && asked['test-id'] === undefined) asked['test-id'] = test.query
  const client = drawClient(random, [asked, ...defaults])
  const handshakes = planOf(asked, defaults, 1 + (hasSequence ? below(4) : 0), client, problem)
  const last = handshakes.pop() as Handshake
  const { faults } = last
  const isDeflating = client.offer !== undefined && faults.compress !== 'off'
  const serverTakesOver = faults.compress === 'takeover'
  const clientTakesOver = serverTakesOver && !client.offer?.includes('client_no_context_takeover')
  const deflation = { isDeflating, clientTakesOver }
  const headers = {
    'X-Forwarded-For': addressOf(stream),
    ...(client.offer !== undefined && { 'Sec-WebSocket-Extensions': client.offer }),
    ...(client.subprotocols !== undefined && { 'Sec-WebSocket-Protocol': client.subprotocols }),
    ...(client.authorization !== undefined && { Authorization: client.authorization }),
    ...(test?.header !== undefined && { 'X-Test-Id': test.header }),
  }

  const context = createContext(clientTakesOver && !oneIn(4))
  const compress = (frames: SentFrame[]): SentFrame[] =>
    frames.flatMap(frame => {
      const { fin, rsv, opcode, payload, mask } = frame
      // An incomplete compressed message would fail at an unpredictable moment.
      if (rsv !== 0) return [{ ...frame, rsv: rsv & 3 || 1 }]
      if (!fin || !mask || (opcode !== text && opcode !== binary) || oneIn(2)) return [frame]
      const compressed = deflate(payload, 15, context.window)
      context.add(payload)
      const at = oneIn(3) ? below(compressed.length + 1) : compressed.length
      const first = { ...frame, rsv: 4, payload: compressed.subarray(0, at) }
      if (at === compressed.length) return [first]
      return [
        { ...first, fin: false },
        { ...frame, opcode: opcodes.continuation, payload: compressed.subarray(at) },
      ]
    })

  const drawn = random.frames().slice(0, below(oneOf([3, 12, 40])))
  const odd = (): SentFrame => {
    const usual = { fin: true, rsv: 0, opcode: text, payload: Buffer.from('odd'), mask: true }
    return oneOf<SentFrame>([
      { ...usual, rsv: 2 },
      { ...usual, mask: false },
      { ...usual, opcode: 3 },
      { ...usual, opcode: ping, fin: false },
      { ...usual, opcode: close, payload: closePayload(1005) },
      { ...usual, opcode: close, payload: closePayload(1000 + below(4), 'enough') },
      { ...usual, payload: Buffer.of(0xff) },
      { ...usual, opcode: binary, payload: Buffer.alloc(MAX_PAYLOAD + 1) },
      // Invalid as a deflate stream; without compression, RSV1 is a reserved bit.
      { ...usual, rsv: 4, payload: Buffer.of(0xff, 0xff) },
      ...(isDeflating ? [{ ...usual, opcode: binary, rsv: 4, payload: deflate(Buffer.alloc(2 * MAX_PAYLOAD)) }] : []),
    ])
  }
  const all = isDeflating ? compress(drawn) : drawn
  if (oneIn(8)) all.splice(below(all.length + 1), 0, odd())

  const { repeat = 1, fragment = 2 ** 30, slice = 2 ** 30, 'up-rate': upRate = 2 ** 30 } = faults
  const { 'read-rate': readRate = upRate } = faults
  const rate = Math.min(faults.rate ?? 2 ** 30, slice * SLICES)
  const isSlow = (rate <= 65_536 || readRate <= 65_536) && oneIn(3)
  const most = rate <= 65_536 && !isSlow ? rate : 2 ** 20
  const mostRead = readRate <= 65_536 && !isSlow ? readRate : 2 ** 24
  // With any rate, each write takes one tick of a timer.
  const copies = faults.rate === undefined && faults.slice === undefined ? 3000 : 300
  const greeting = (faults.hello ? 1500 : 0) + Buffer.byteLength(faults.message?.join('') ?? '')
  // Each reply may wait for a tick.
  const perReply = faults.tick === 10 ? greeting : 0
  const sizeOf = ({ payload, opcode }: { payload: Buffer; opcode: number }) =>
    opcode === pong ? 20 : repeat * (perReply + payload.length + 10 + 2 * Math.ceil(payload.length / fragment))
  const volumeOf = (frames: SentFrame[]) =>
    expect(frames, MAX_PAYLOAD, deflation).replies.reduce((sum, reply) => sum + sizeOf(reply), 0)
  const lengthOf = (frames: SentFrame[]) => frames.reduce((sum, frame) => sum + bytesOf(frame).length, 0)
  let frames = all
  while (
    frames.length > 0 &&
    (volumeOf(frames) > most || lengthOf(frames) > mostRead || frames.length * repeat > copies)
  ) {
    frames = frames.slice(0, Math.floor(frames.length / 2))
  }
  const volume = greeting + volumeOf(frames)

  const length = lengthOf(frames)
  const pieces: Scenario['pieces'] = []
  for (let at = 0; at < length; ) {
    at = pieces.length > 60 ? length : at + Math.max(1, random.cut(length - at))
    pieces.push({ end: at, pause: pieces.length < 20 ? pause(3) : 0 })
  }

  const drawAction = (): ControlAction => {
    if (oneIn(3)) return { kind: 'faults', faults: oneIn(2) ? drawDefaults(random) : [] }
    if (!oneIn(3)) return { kind: 'push', isBinary: oneIn(2), toAll: oneIn(3) }
    if (oneIn(2)) return { kind: 'drop', how: oneOf(['fin', 'rst']) }
    return { kind: 'close', code: oneOf([1000, 1012, 3000, 4999]), reason: oneOf(['', 'kicked']) }
  }

  // Other clients push messages to this one, too.
  const perPush = (PUSH * (1 + 2 / fragment)) / rate
  const isPatient = rate > 1 && readRate > 1 && volume / rate + length / readRate < 1.5 && perPush < 0.05
  const first = pieces[0]?.end ?? Number.POSITIVE_INFINITY
  return {
    asked,
    defaults,
    testId: test?.id,
    isScoped: test?.isScoped === true && defaults.length > 0,
    address: addressOf(stream),
    earlier: handshakes,
    handshake: last,
    faults,
    headers,
    isDeflating,
    serverTakesOver,
    clientTakesOver,
    windowBits: client.offer?.includes('server_max_window_bits=10') ? 10 : 15,
    frames,
    expected: expect(frames, MAX_PAYLOAD, deflation),
    start: Array.from({ length: below(3) }, () => below(21)),
    pieces,
    isEarly: first < (faults['handshake-delay'] ? MAX_EARLY : Number.POSITIVE_INFINITY) && oneIn(6),
    ending: isPatient ? oneOf(['patient', 'patient', 'patient', 'close', 'end', 'destroy']) : 'destroy',
    leavesAfter: below(200),
    readsAfter: oneIn(5) ? below(100) : 0,
    isHasty: oneIn(8),
    answersPings: !oneIn(8),
    answersClose: !oneIn(8),
    asksControl: oneIn(3),
    actions: oneIn(2) ? Array.from({ length: 1 + below(4) }, () => ({ pause: below(40), action: drawAction() })) : [],
    volume,
  }
}
