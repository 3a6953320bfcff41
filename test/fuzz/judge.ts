import { isUtf8 } from 'node:buffer'
import { createChance } from '../../server/faults/chance.ts'
import { inflate } from '../suite/deflate.ts'
import { frame as createFrame, opcodes } from '../suite/raw-client.ts'
import { createContext } from './model.ts'
import { GREETING } from './parameters.ts'
import type { Scenario } from './scenario.ts'
import type { Lost } from './triggered.ts'

/** A frame from the server, valid or not. */
export type WireFrame = {
  fin: boolean
  rsv: number
  opcode: number
  isMasked: boolean
  /** Whether the top bit of its length is set. Such a frame is treated as having no payload. */
  isEndless: boolean
  payload: Buffer
}

const { text, binary, close, ping, pong } = opcodes
const RSV1 = 4
const RSV2 = 2

// The server compresses replies from this size in bytes.
const COMPRESSED = 1024

// Milliseconds by which a timer may fire early, because clocks are rounded.
const EARLY = 2

/** The prefix of pushed messages, which no other message has. */
export const PUSHED = '\u{1F4E3} '

/** Parses the first frame, even an invalid one; `undefined` if it is incomplete. */
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

/** @param rank the number of messages before it that reached the echo */
type Loss = 'loss' | 'up-loss' | undefined
type Reply = { opcode: number; payload: Buffer; frame: number; message: number; rank: number }

/** Returns for each message of a connection which fault loses it, if any. */
function lossesOf({ expected, faults }: Scenario): Loss[] {
  const { seed = -1, loss = 0, 'up-loss': upLoss = 0 } = faults
  // The server's own generator, so that the same seed drops the same messages.
  const [chance, upChance] = [createChance(seed + 1), createChance(seed + 17)]
  const messages = expected.replies.filter(({ opcode }) => opcode !== pong)
  return messages.map(() => (upChance() < upLoss ? 'up-loss' : chance() < loss ? 'loss' : undefined))
}

/** Returns all expected replies to a connection's messages. */
function repliesOf({ expected, faults: { repeat = 1 } }: Scenario, losses: Loss[], prefix: string): Reply[] {
  const messages = expected.replies.filter(({ opcode }) => opcode !== pong)
  let passed = 0
  return messages.flatMap(({ opcode, payload, frame }, message) => {
    const rank = losses[message] === 'up-loss' ? passed : passed++
    if (losses[message]) return []
    const reply = opcode === text ? Buffer.concat([Buffer.from(prefix), payload]) : payload
    return Array<Reply>(repeat).fill({ opcode, payload: reply, frame, message, rank })
  })
}

/** Returns whether a frame is the first half of a reply. */
const isHalf = (reply: Reply | undefined, opcode: number, payload: Buffer) =>
  reply?.opcode === opcode && payload.equals(reply.payload.subarray(0, reply.payload.length / 2))

const show = (payload: Buffer) => `${payload.length} bytes ${payload.toString('hex', 0, 24)}`

/** Checks the frames that arrive on one connection. */
export type Judge = ReturnType<typeof createJudge>

/**
 * @param wasPushed returns whether a message with the prefix of pushed messages was pushed to this connection
 * @param sentAt returns the time at which the end of a frame was sent, in milliseconds
 */
export function createJudge(
  scenario: Scenario,
  prefix: string,
  wasPushed: (content: string) => boolean,
  sentAt: (frame: number) => number,
) {
  const { faults, expected, isDeflating, serverTakesOver, windowBits } = scenario
  const { fragment, after, corrupt } = faults
  const { delay = 0, jitter = 0, 'up-delay': upDelay = 0, 'up-jitter': upJitter = 0 } = faults
  const losses = lossesOf(scenario)
  const replies = repliesOf(scenario, losses, prefix)
  const pongs = faults.pings === 'ignore' ? [] : expected.replies.filter(({ opcode }) => opcode === pong)
  const messages = expected.replies.length - expected.replies.filter(({ opcode }) => opcode === pong).length

  const hasOneOffFault =
    (['close', 'drop', 'stall', 'corrupt'] as const).some(name => faults[name] !== undefined) && corrupt !== 'header'
  const trigger = after ?? { messages: 0 }
  /** Whether the client sends enough messages to trigger the one-off fault. */
  const passed = losses.filter(loss => loss !== 'up-loss').length
  const isTriggered = hasOneOffFault && trigger.messages !== undefined && trigger.messages <= passed
  const mayTrigger = isTriggered || (hasOneOffFault && (trigger.milliseconds ?? 1e9) < 1e6)
  const repliesBefore = isTriggered
    ? replies.filter(({ rank }) => rank < (trigger.messages ?? 0)).length
    : replies.length
  /** The number of replies that must arrive if the connection is not cut. */
  const due =
    isTriggered && (corrupt === undefined || corrupt === 'unfinished')
      ? Math.min(replies.length, repliesBefore + (corrupt === 'unfinished' ? 1 : 0))
      : replies.length
  /** The messages that come before all others, and the texts of the ticks. */
  const greetings = faults.tick === undefined ? (faults.message ?? []) : []
  const tickTexts = faults.message
  const context = createContext(serverTakesOver)

  let [answered, ponged, ticks, data] = [0, 0, 0, 0]
  let isCorrupted = false
  /** An unfinished message. `isSuspect` if its first frame may be the one before a text in the middle of a message. */
  let partial: { opcode: number; parts: Buffer[]; rsv: number; isSuspect: boolean } | undefined
  let closed: { code: number; reason: Buffer } | undefined
  const seen = new Set<string>()
  const tallies = { text: 0, binary: 0, pushes: 0 }

  const fail = (problem: string): never => {
    throw new Error(problem)
  }

  /** Returns the reply that the requested violation of the protocol may replace now. */
  const replaceable = (): Reply | undefined =>
    mayTrigger && !isCorrupted && !(isTriggered && answered !== repliesBefore) ? replies[answered] : undefined

  /** Whether a frame is the requested violation of the protocol. */
  const isCorrupt = (frame: WireFrame): boolean => {
    const reply = replaceable()
    if (!reply) return false
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
      case 'continuation':
        return isWhole && !partial && frame.opcode === opcodes.continuation
      case 'text-in-fragment':
        return partial?.isSuspect === true && frame.opcode === text && frame.payload.toString() === 'within'
      case 'deflate':
        return frame.rsv === RSV1 && frame.opcode === binary && frame.payload.equals(Buffer.of(0xff, 0xff))
      case 'ping':
        return frame.opcode === ping && frame.payload.equals(Buffer.alloc(126, 'p'))
      case 'fragmented-ping':
        return frame.opcode === ping && !frame.fin && frame.payload.toString() === 'half'
      case 'close-code':
        return frame.opcode === close && frame.payload.equals(Buffer.of(1005 >> 8, 1005 & 0xff))
      case 'close-1':
        return frame.opcode === close && frame.payload.equals(Buffer.of(1000 >> 8))
      case 'close-utf8':
        return frame.opcode === close && frame.payload.equals(Buffer.of(1000 >> 8, 1000 & 0xff, 0xff))
      default:
        return false
    }
  }

  const onCorrupted = () => {
    isCorrupted = true
    partial = undefined
    data++
    tallies[replies[answered]?.opcode === text ? 'text' : 'binary']++
    answered++
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
    const greeting = greetings[data - (faults.hello ? 2 : 1)]
    if (greeting !== undefined) {
      if (opcode !== text || content !== greeting) fail(`expected ${greeting}, got ${opcode} ${show(payload)}`)
      return
    }
    if (faults.tick !== undefined && opcode === text && (/^tick \d+$/.test(content) || content.startsWith(GREETING))) {
      const wanted = tickTexts?.[ticks % tickTexts.length] ?? `tick ${ticks + 1}`
      if (content !== wanted) fail(`expected ${wanted}, got ${content}`)
      ticks++
      return
    }
    if (content.startsWith(PUSHED)) {
      if (seen.has(content) || !wasPushed(content)) fail(`${content}: arrived twice, or was never pushed`)
      seen.add(content)
      tallies.pushes++
      return
    }
    const reply = replies[answered]
    if (!reply) return fail(`a message that is no reply, or arrives too late: ${opcode} ${show(payload)}`)
    if (isTriggered && corrupt !== undefined && !isCorrupted && answered >= repliesBefore) {
      fail(`reply ${answered} should have been corrupted`)
    }
    if (answered >= due) fail(`reply ${answered} arrived, but there should be only ${due}`)
    if (reply.opcode !== opcode || !reply.payload.equals(payload)) {
      const [wanted, got] = [reply, { opcode, payload }].map(({ opcode, payload }) => `${opcode} ${show(payload)}`)
      fail(`reply ${answered}: expected ${wanted}, got ${got}`)
    }
    answered++
    const early = sentAt(reply.frame) + Math.max(0, delay - jitter) + Math.max(0, upDelay - upJitter) - now
    if (early > EARLY) fail(`reply ${answered - 1} arrived ${early.toFixed(1)} ms before its delay was over`)
  }

  const onData = ({ fin, rsv, opcode, payload }: WireFrame, now: number) => {
    if ((opcode === opcodes.continuation) !== (partial !== undefined))
      fail('a continuation without a first frame, or a new message within a message')
    if (rsv !== 0 && (rsv !== RSV1 || partial || !isDeflating || fragment !== undefined)) fail(`rsv ${rsv}`)
    const isSuspect = corrupt === 'text-in-fragment' && !fin && !partial && isHalf(replaceable(), opcode, payload)
    const isWrong = fragment === undefined ? !fin : payload.length > fragment || (!fin && payload.length < fragment)
    if (isWrong && !isSuspect) fail(`a fragment of ${payload.length} bytes with fragment=${fragment}`)
    if (partial?.isSuspect && partial.parts.length === 1 && partial.parts[0]?.length !== fragment) {
      fail('the reply that should have been corrupted goes on')
    }
    partial ??= { opcode, rsv, parts: [], isSuspect }
    partial.parts.push(payload)
    if (!fin) return
    const whole = Buffer.concat(partial.parts)
    const isCompressed = partial.rsv === RSV1
    const message = isCompressed ? inflate(whole, windowBits, context.window.subarray(-(2 ** windowBits))) : whole
    if (isCompressed) context.add(message)
    if (isCompressed && !serverTakesOver && message.length < COMPRESSED) fail(`${message.length} bytes were compressed`)
    if (!isCompressed && serverTakesOver && fragment === undefined) fail(`${message.length} bytes were not compressed`)
    if (partial.opcode === text && !isUtf8(message)) fail(`a text that is not UTF-8: ${show(message)}`)
    const { opcode: first } = partial
    partial = undefined
    onMessage(first, message, now)
  }

  return {
    /** Checks a frame. @throws an error that says what is wrong with it */
    frame(frame: WireFrame, now: number): void {
      if (closed) fail(`a frame after the close frame: ${frame.opcode} ${show(frame.payload)}`)
      if (isCorrupt(frame)) {
        onCorrupted()
        return
      }
      const { fin, rsv, opcode, payload, isMasked, isEndless } = frame
      if (isMasked || isEndless) fail('a masked frame, or one with an invalid length')
      if (opcode <= binary) {
        onData(frame, now)
        return
      }
      if (!fin || rsv !== 0 || payload.length > 125) fail(`an invalid control frame: ${opcode} ${show(payload)}`)
      if (opcode === ping) {
        if (payload.length > 0) fail(`a ping with ${show(payload)}`)
        if (faults.ping === 0 || faults.pings === 'ignore') fail('a ping although pings are off')
      } else if (opcode === pong) {
        const wanted = pongs[ponged++]?.payload
        if (!wanted?.equals(payload))
          fail(`pong ${ponged - 1}: expected ${wanted && show(wanted)}, got ${show(payload)}`)
      } else if (opcode === close) {
        closed = { code: payload.length >= 2 ? payload.readUInt16BE() : 1005, reason: payload.subarray(2) }
      } else fail(`opcode ${opcode}`)
    },

    /** Checks the bytes after the last frame, when the server has ended the connection. @returns whether they are allowed */
    isUnfinished(rest: Buffer): boolean {
      const reply = corrupt === 'unfinished' && replaceable()
      if (!reply) return false
      const frame = createFrame(reply.opcode, reply.payload, { mask: false })
      if (!rest.equals(frame.subarray(0, Math.ceil(frame.length / 2)))) return false
      onCorrupted()
      return true
    },

    /** Returns the numbers of lost messages among the first ones. */
    lostOf(received: number): Lost {
      const count = (wanted: Loss) => losses.slice(0, received).filter(loss => loss === wanted).length
      return { loss: count('loss'), 'up-loss': count('up-loss') }
    },

    /** Whether all required replies and pongs have arrived. */
    get isComplete(): boolean {
      return answered === due && (ponged === pongs.length || mayTrigger)
    },

    /** Everything that has arrived so far. */
    get summary() {
      return { answered, due, ponged, pongs: pongs.length, data, ticks, isCorrupted, closed, tallies, seen }
    },
    get isWithinMessage(): boolean {
      return partial !== undefined
    },

    messages,
    replies,
    isTriggered,
    mayTrigger,
    /** The number of messages that the server must have received to send the replies so far. */
    get leastReceived(): number {
      return answered > 0 ? (replies[answered - 1]?.message ?? -1) + 1 : 0
    },
  }
}
