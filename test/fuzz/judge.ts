import { isUtf8 } from 'node:buffer'
import { createChance } from '../../server/faults/chance.ts'
import { inflate } from '../suite/deflate.ts'
import { opcodes } from '../suite/raw-client.ts'
import type { Scenario } from './scenario.ts'

/** A frame as a server may send it, broken ones included. */
export type WireFrame = {
  fin: boolean
  rsv: number
  opcode: number
  isMasked: boolean
  /** Whether its length has the top bit set, which leaves it without a payload. */
  isEndless: boolean
  payload: Buffer
}

const { text, binary, close, ping, pong } = opcodes
const RSV1 = 4
const RSV2 = 2

// Bytes from which on the server compresses a reply.
const COMPRESSED = 1024

// Milliseconds by which a timer may be early, since clocks are rounded.
const EARLY = 2

/** What pushed messages begin with; no other message does. */
export const PUSHED = '\u{1F4E3} '

/** Takes the first whole frame from bytes, whatever is wrong with it. */
export function takeFrame(bytes: Buffer): { frame: WireFrame; length: number } | undefined {
  const [first = 0, second = 0] = bytes
  if (bytes.length < 2) return undefined
  const isMasked = second >= 0x80
  const short = second & 0x7f
  const headerSize = 2 + (short === 127 ? 8 : short === 126 ? 2 : 0)
  if (bytes.length < headerSize) return undefined
  const isEndless = short === 127 && (bytes[2] as number) >= 0x80
  const size = isEndless ? 0 : short === 127 ? bytes.readUIntBE(4, 6) : short === 126 ? bytes.readUInt16BE(2) : short
  const begin = headerSize + (isMasked ? 4 : 0)
  const length = begin + size
  if (bytes.length < length) return undefined
  const mask = bytes.subarray(headerSize, begin)
  const part = bytes.subarray(begin, length)
  const payload = isMasked ? Buffer.from(part.map((byte, i) => byte ^ (mask[i & 3] as number))) : part
  const frame = { fin: first >= 0x80, rsv: (first >> 4) & 7, opcode: first & 15, isMasked, isEndless, payload }
  return { frame, length }
}

type Reply = { opcode: number; payload: Buffer; frame: number; message: number }

/** What the replies to a connection's messages must be, all of them. */
function repliesOf({ expected, faults }: Scenario, prefix: string): Reply[] {
  const { seed, loss = 0, repeat = 1 } = faults
  // The server's own generator: the same seed has to lose the same messages.
  const chance = createChance(seed === undefined ? 0 : seed + 1)
  const messages = expected.replies.filter(({ opcode }) => opcode !== pong)
  return messages.flatMap(({ opcode, payload, frame }, message) => {
    if (chance() < loss) return []
    const reply = opcode === text ? Buffer.concat([Buffer.from(prefix), payload]) : payload
    return Array<Reply>(repeat).fill({ opcode, payload: reply, frame, message })
  })
}

const show = (payload: Buffer) => `${payload.length} bytes ${payload.toString('hex', 0, 24)}`

/** Compares what comes on one connection with what may come. */
export type Judge = ReturnType<typeof createJudge>

/**
 * @param wasPushed whether a message that begins like a pushed one has been pushed to this connection
 * @param sentAt when the end of a frame was sent
 */
export function createJudge(
  scenario: Scenario,
  prefix: string,
  wasPushed: (content: string) => boolean,
  sentAt: (frame: number) => number,
) {
  const { faults, expected, isDeflating } = scenario
  const { fragment, delay = 0, jitter = 0, after, corrupt } = faults
  const replies = repliesOf(scenario, prefix)
  const pongs = faults.pings === 'ignore' ? [] : expected.replies.filter(({ opcode }) => opcode === pong)
  const messages = expected.replies.length - expected.replies.filter(({ opcode }) => opcode === pong).length

  const canStrike = (['close', 'drop', 'stall', 'corrupt'] as const).some(name => faults[name] !== undefined)
  const strikesAfter = after ?? { messages: 0 }
  /** Whether as many messages come as one of the faults waits for. */
  const strikes = canStrike && strikesAfter.messages !== undefined && strikesAfter.messages <= messages
  const mayStrike = strikes || (canStrike && (strikesAfter.milliseconds ?? 1e9) < 1e6)
  const repliesBefore = strikes
    ? replies.filter(({ message }) => message < (strikesAfter.messages ?? 0)).length
    : replies.length
  /** How many replies leave if nothing else goes wrong. */
  const due = strikes && corrupt === undefined ? repliesBefore : replies.length

  let [answered, ponged, ticks, data] = [0, 0, 0, 0]
  let isCorrupted = false
  let partial: { opcode: number; parts: Buffer[]; rsv: number } | undefined
  let closed: { code: number; reason: Buffer } | undefined
  const seen = new Set<string>()
  const tallies = { text: 0, binary: 0, pushes: 0 }

  const fail = (problem: string): never => {
    throw new Error(problem)
  }

  /** Whether a frame is the one that was asked to break the protocol. */
  const isCorrupt = (frame: WireFrame): boolean => {
    const reply = replies[answered]
    if (!mayStrike || isCorrupted || !reply || (strikes && answered !== repliesBefore)) return false
    const isWhole = frame.fin && frame.payload.equals(reply.payload)
    switch (corrupt) {
      case 'utf8':
        return frame.opcode === text && frame.payload.equals(Buffer.of(0xff))
      case 'rsv':
        return isWhole && frame.rsv === RSV2 && frame.opcode === reply.opcode
      case 'opcode':
        return isWhole && frame.opcode === 3
      case 'mask':
        return isWhole && frame.isMasked && frame.opcode === reply.opcode
      case 'length':
        return frame.isEndless && frame.opcode === reply.opcode
      case 'close-code':
        return frame.opcode === close && frame.payload.equals(Buffer.of(1005 >> 8, 1005 & 0xff))
      default:
        return false
    }
  }

  const onMessage = (opcode: number, payload: Buffer, now: number) => {
    data++
    const content = payload.toString()
    tallies[opcode === text ? 'text' : 'binary']++
    if (faults.hello && data === 1) {
      const { path, headers } = JSON.parse(content)
      if (typeof path !== 'string' || !Array.isArray(headers)) fail('hello: expected a path and headers')
      return
    }
    if (faults.tick !== undefined && opcode === text && /^tick \d+$/.test(content)) {
      if (content !== `tick ${++ticks}`) fail(`expected tick ${ticks}, got ${content}`)
      return
    }
    if (content.startsWith(PUSHED)) {
      if (seen.has(content) || !wasPushed(content)) fail(`${content}: came twice, or was never pushed`)
      seen.add(content)
      tallies.pushes++
      return
    }
    const reply = replies[answered]
    if (!reply) return fail(`a message that answers none, or comes too late: ${opcode} ${show(payload)}`)
    if (strikes && corrupt !== undefined && !isCorrupted && answered >= repliesBefore) {
      fail(`reply ${answered} should have been corrupted`)
    }
    if (answered >= due) fail(`reply ${answered} came, but there should be ${due}`)
    if (reply.opcode !== opcode || !reply.payload.equals(payload)) {
      const [wanted, got] = [reply, { opcode, payload }].map(({ opcode, payload }) => `${opcode} ${show(payload)}`)
      fail(`reply ${answered}: expected ${wanted}, got ${got}`)
    }
    answered++
    const early = sentAt(reply.frame) + delay - jitter - now
    if (early > EARLY) fail(`reply ${answered - 1} came ${early.toFixed(1)} ms before its delay was over`)
  }

  const onData = ({ fin, rsv, opcode, payload }: WireFrame, now: number) => {
    if ((opcode === opcodes.continuation) !== (partial !== undefined)) fail('a continuation of nothing, or none')
    if (rsv !== 0 && (rsv !== RSV1 || partial || !isDeflating || fragment !== undefined)) fail(`rsv ${rsv}`)
    partial ??= { opcode, rsv, parts: [] }
    partial.parts.push(payload)
    if (fragment === undefined ? !fin : payload.length > fragment || (!fin && payload.length < fragment)) {
      fail(`a fragment of ${payload.length} bytes with fragment=${fragment}`)
    }
    if (!fin) return
    const whole = Buffer.concat(partial.parts)
    const isCompressed = partial.rsv === RSV1
    const message = isCompressed ? inflate(whole) : whole
    if (isCompressed && message.length < COMPRESSED) fail(`${message.length} bytes were compressed`)
    if (partial.opcode === text && !isUtf8(message)) fail(`a text that is not UTF-8: ${show(message)}`)
    const { opcode: first } = partial
    partial = undefined
    onMessage(first, message, now)
  }

  return {
    /** @throws what is wrong with a frame that came */
    frame(frame: WireFrame, now: number): void {
      if (closed) fail(`a frame after the close frame: ${frame.opcode} ${show(frame.payload)}`)
      if (isCorrupt(frame)) {
        isCorrupted = true
        data++
        tallies[replies[answered]?.opcode === text ? 'text' : 'binary']++
        answered++
        return
      }
      const { fin, rsv, opcode, payload, isMasked, isEndless } = frame
      if (isMasked || isEndless) fail('a frame with a mask, or without an end')
      if (opcode <= binary) {
        onData(frame, now)
        return
      }
      if (!fin || rsv !== 0 || payload.length > 125) fail(`a control frame that is none: ${opcode} ${show(payload)}`)
      if (opcode === ping) {
        if (payload.length > 0) fail(`a ping with ${show(payload)}`)
        if (faults.ping === 0 || faults.pings === 'ignore') fail('a ping, though they are off')
      } else if (opcode === pong) {
        const wanted = pongs[ponged++]?.payload
        if (!wanted?.equals(payload))
          fail(`pong ${ponged - 1}: expected ${wanted && show(wanted)}, got ${show(payload)}`)
      } else if (opcode === close) {
        closed = { code: payload.length >= 2 ? payload.readUInt16BE() : 1005, reason: payload.subarray(2) }
      } else fail(`opcode ${opcode}`)
    },

    /** Whether all replies have come that are due, and all pongs. */
    get isComplete(): boolean {
      return answered === due && (ponged === pongs.length || mayStrike)
    },

    /** What has come so far. */
    get summary() {
      return { answered, due, ponged, pongs: pongs.length, data, ticks, isCorrupted, closed, tallies, seen }
    },
    get isWithinMessage(): boolean {
      return partial !== undefined
    },

    messages,
    replies,
    strikes,
    mayStrike,
    /** How many messages must have been received for the replies that came. */
    get leastReceived(): number {
      return answered > 0 ? (replies[answered - 1]?.message ?? -1) + 1 : 0
    },
  }
}
