import { deflate } from '../suite/deflate.ts'
import { closePayload, handshake, opcodes } from '../suite/raw-client.ts'
import { bytesOf, type Expected, expect, type SentFrame } from './model.ts'
import { createRandom } from './random.ts'

const { text, binary, close, ping, pong } = opcodes

/** The largest message that the fuzzed servers accept, in bytes. */
export const MAX_PAYLOAD = 65_536

/** Values for each fault, mostly at its limits: as written in the query, and as parsed. Durations are in milliseconds. */
const VALUES = {
  delay: { 0: 0, '1ms': 1, '20ms': 20 },
  jitter: { 0: 0, '1ms': 1, '20ms': 20 },
  loss: { 0: 0, '0.5': 0.5, '50%': 0.5, 1: 1 },
  repeat: { 1: 1, 2: 2, 1000: 1000 },
  fragment: { 1: 1, 2: 2, 125: 125, '1GiB': 2 ** 30 },
  rate: { 1: 1, 1000: 1000, '64KiB': 65_536, '1GiB': 2 ** 30 },
  tick: { '10ms': 10, '1h': 3_600_000 },
  hello: { '': true },
  ping: { 0: 0, '10ms': 10, '24h': 86_400_000 },
  pings: { ignore: 'ignore' },
  close: { 1000: 1000, 1011: 1011, 4999: 4999 },
  reason: { '': '', 'for now': 'for now', [`${'ä'.repeat(61)}x`]: `${'ä'.repeat(61)}x` },
  drop: { fin: 'fin', rst: 'rst' },
  stall: { '': true },
  corrupt: {
    utf8: 'utf8',
    rsv: 'rsv',
    opcode: 'opcode',
    mask: 'mask',
    length: 'length',
    'close-code': 'close-code',
  },
  after: {
    0: { messages: 0 },
    1: { messages: 1 },
    3: { messages: 3 },
    1000000: { messages: 1e6 },
    '0s': { milliseconds: 0 },
    '20ms': { milliseconds: 20 },
    '1h': { milliseconds: 3_600_000 },
  },
  reject: { 400: 400, 599: 599 },
  handshake: { 'wrong-accept': 'wrong-accept', 'wrong-subprotocol': 'wrong-subprotocol' },
  'handshake-delay': { 0: 0, '1ms': 1, '20ms': 20 },
  subprotocol: { '': '', chat: 'chat', absent: 'absent' },
  seed: { 0: 0, 42: 42, 4294967295: 2 ** 32 - 1 },
} as const

type Values = typeof VALUES
type Name = keyof Values
type ValueOf<V> = V extends { messages: number } | { milliseconds: number }
  ? { messages?: number; milliseconds?: number }
  : V
type Written = Partial<Record<Name, string>>

/** The parsed faults of a connection. */
export type Faults = { [N in Name]?: ValueOf<Values[N][keyof Values[N]]> }

const EXCLUSIVE: Name[] = ['close', 'drop', 'stall', 'corrupt', 'reject']
const POSTPONABLE: Name[] = ['close', 'drop', 'stall', 'corrupt']
/** The faults to choose from. Common ones are listed more than once. */
const DRAWN: Name[] = [
  ...['delay', 'jitter', 'loss', 'repeat', 'fragment', 'rate', 'tick', 'hello', 'ping', 'pings'],
  ...['delay', 'repeat', 'fragment', 'close', 'drop', 'stall', 'corrupt', 'close', 'drop', 'corrupt'],
  ...['handshake-delay', 'subprotocol', 'handshake', 'reject'],
] as Name[]

/** An action on the control port. */
export type ControlAction =
  | { kind: 'close'; code: number; reason: string }
  | { kind: 'drop'; how: 'fin' | 'rst' }
  | { kind: 'push'; isBinary: boolean; toAll: boolean }
  | { kind: 'faults'; faults: Written }

/** Everything that happens on one connection. */
export type Scenario = {
  /** The faults in the query, and the server's default faults during the handshake. */
  asked: Written
  defaults: Written
  /** The resulting faults. */
  faults: Faults
  headers: Record<string, string>
  isDeflating: boolean
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
  answersPings: boolean
  answersClose: boolean
  asksControl: boolean
  actions: { pause: number; action: ControlAction }[]
  /** The approximate size of the replies in bytes. */
  volume: number
}

/** Merges the faults in the query with the default faults by the documented rules. */
function merge(asked: Written, defaults: Written): Written {
  const names = Object.keys(asked) as Name[]
  if (names.length === 0) return defaults
  const inherited = { ...defaults }
  if (names.some(name => EXCLUSIVE.includes(name))) for (const name of EXCLUSIVE) delete inherited[name]
  const merged = { ...inherited, ...asked }
  if (merged.close === undefined) delete merged.reason
  if (!POSTPONABLE.some(name => merged[name] !== undefined)) delete merged.after
  return merged
}

const parseFaults = (written: Written): Faults =>
  Object.fromEntries(
    Object.entries(written).map(([name, value]) => [name, (VALUES[name as Name] as Record<string, unknown>)[value]]),
  )

/** Writes faults as a query; empty if there are none. */
export const queryOf = (written: Written): string =>
  Object.entries(written)
    .map(([name, value]) => (value === '' ? name : `${name}=${encodeURIComponent(value)}`))
    .join('&')

/** Returns the bytes of the handshake. */
export const openingOf = (url: string, { headers }: Scenario): Buffer => Buffer.from(`${handshake(url, headers)}\r\n`)

/** Generates a scenario. The same seed and stream generate the same one. */
export function drawScenario(seed: number, stream: number): Scenario {
  const random = createRandom(seed * 1_000_003 + stream, MAX_PAYLOAD)
  const { below, oneIn } = random
  const oneOf = <T>(values: readonly T[]) => values[below(values.length)] as T
  const pause = (chance: number) => (oneIn(chance) ? below(21) : 0)

  const drawFaults = (count: number): Written => {
    const written: Written = {}
    const add = (name: Name) => {
      written[name] = oneOf(Object.keys(VALUES[name]))
    }
    for (let i = 0; i < count; i++) {
      const name = oneOf(DRAWN)
      // A refused handshake leaves little to test.
      const isRare = name === 'reject' || name === 'handshake'
      const isTaken = EXCLUSIVE.includes(name) && EXCLUSIVE.some(other => written[other] !== undefined)
      if (!isTaken && (!isRare || oneIn(3))) add(name)
    }
    if (POSTPONABLE.some(name => written[name] !== undefined) && !oneIn(4)) add('after')
    if (written.close !== undefined && oneIn(2)) add('reason')
    if (written.loss !== undefined || oneIn(4)) add('seed')
    return written
  }

  const asked = drawFaults(oneOf([0, 1, 2, 2, 3, 3, 3, 4, 6]))
  const defaults = Object.keys(asked).length === 0 || oneIn(4) ? drawFaults(1 + below(3)) : {}
  const faults = parseFaults(merge(asked, defaults))
  const isDeflating = oneIn(3)
  const headers = {
    ...(isDeflating && { 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
    ...((faults.subprotocol !== undefined || oneIn(4)) && { 'Sec-WebSocket-Protocol': 'echo, chat' }),
  }

  const compress = (frames: SentFrame[]): SentFrame[] =>
    frames.flatMap(frame => {
      const { fin, rsv, opcode, payload, mask } = frame
      // An incomplete compressed message would fail at an unpredictable moment.
      if (rsv !== 0) return [{ ...frame, rsv: rsv & 3 || 1 }]
      if (!fin || !mask || (opcode !== text && opcode !== binary) || oneIn(2)) return [frame]
      const compressed = deflate(payload)
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

  const { repeat = 1, fragment = 2 ** 30, rate = 2 ** 30 } = faults
  const isSlow = rate <= 65_536 && oneIn(3)
  // With any rate, each write takes one tick of a timer.
  const [most, copies] = [rate <= 65_536 && !isSlow ? rate : 2 ** 20, faults.rate === undefined ? 3000 : 300]
  const sizeOf = ({ payload, opcode }: { payload: Buffer; opcode: number }) =>
    opcode === pong ? 20 : repeat * (payload.length + 10 + 2 * Math.ceil(payload.length / fragment))
  const volumeOf = (frames: SentFrame[]) =>
    expect(frames, MAX_PAYLOAD, isDeflating).replies.reduce((sum, reply) => sum + sizeOf(reply), 0)
  let frames = all
  while (frames.length > 0 && (volumeOf(frames) > most || frames.length * repeat > copies)) {
    frames = frames.slice(0, Math.floor(frames.length / 2))
  }
  const volume = volumeOf(frames)

  const length = Buffer.concat(frames.map(bytesOf)).length
  const pieces: Scenario['pieces'] = []
  for (let at = 0; at < length; ) {
    at = pieces.length > 60 ? length : at + Math.max(1, random.cut(length - at))
    pieces.push({ end: at, pause: pieces.length < 20 ? pause(3) : 0 })
  }

  const drawAction = (): ControlAction => {
    if (oneIn(3)) return { kind: 'faults', faults: oneIn(2) ? drawFaults(2) : {} }
    if (!oneIn(3)) return { kind: 'push', isBinary: oneIn(2), toAll: oneIn(3) }
    if (oneIn(2)) return { kind: 'drop', how: oneOf(['fin', 'rst']) }
    return { kind: 'close', code: oneOf([1000, 1012, 3000, 4999]), reason: oneOf(['', 'kicked']) }
  }

  const isPatient = rate > 1 && (volume / rate) * 1000 < 1500
  return {
    asked,
    defaults,
    faults,
    headers,
    isDeflating,
    frames,
    expected: expect(frames, MAX_PAYLOAD, isDeflating),
    start: Array.from({ length: below(3) }, () => below(21)),
    pieces,
    isEarly: pieces.length > 0 && oneIn(6),
    ending: isPatient ? oneOf(['patient', 'patient', 'patient', 'close', 'end', 'destroy']) : 'destroy',
    leavesAfter: below(200),
    readsAfter: oneIn(5) ? below(100) : 0,
    answersPings: !oneIn(8),
    answersClose: !oneIn(8),
    asksControl: oneIn(3),
    actions: oneIn(2) ? Array.from({ length: 1 + below(4) }, () => ({ pause: below(40), action: drawAction() })) : [],
    volume,
  }
}
