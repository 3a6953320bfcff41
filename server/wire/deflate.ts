import { constants, deflateRaw, inflateRaw, inflateRawSync } from 'node:zlib'
import { printable } from '../log.ts'
import type { Flow } from './flow.ts'
import { extension, type Offer, PerMessageDeflate, type Transformed } from './internals.ts'
import { type Context, createDeflater, createInflater, type Done } from './takeover.ts'

/** Shorter messages are not worth compressing. In bytes. */
export const COMPRESSION_THRESHOLD = 1024

/** The negotiated compression. `undefined` means none. `takeover` is missing if each message starts anew. */
export type Deflate = { windowBits: number; takeover?: Takeover } | undefined

/** Context takeover by the server, and perhaps by the client. */
type Takeover = { isMutual: boolean; deflater?: Context }

/** The client's offer rules out the compression that was asked for. */
export class OfferError extends Error {}

const NAME = 'permessage-deflate'
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH }
const NOTHING = Buffer.alloc(0)

// The end of each compressed message, which is not sent (RFC 7692, section 7.2.1).
const TAIL = Buffer.of(0, 0, 0xff, 0xff)

// An empty message (section 7.2.3.6). zlib flushes nothing if it has no new input.
const EMPTY = Buffer.of(0, ...TAIL)

// The size of the chunks in which Node.js allocates output. Its default of 16 KiB is much slower for large messages.
const CHUNK = 2 ** 16

// Messages that are this short, compressed and inflated, are inflated at once, so they never wait for large ones.
const SHORT = 1024
const SHORT_INFLATED = 4096

// DEFLATE cannot compress better than 1032 to 1.
const MAX_EXPANSION = 1032

// A message may consist of several complete DEFLATE streams (section 7.2.1), each of which needs its own inflater.
const MAX_STREAMS = 16

// zlib runs in the four threads of Node.js's pool. More jobs at once would only take memory.
const MAX_JOBS = 4

/**
 * Answers a peer's offer of permessage-deflate (RFC 7692, section 7.1), without context takeover on either side.
 * @param header the value of `Sec-WebSocket-Extensions`, if there is one
 * @param mode `off` declines every offer. `takeover` agrees on context takeover by the server, and by the client unless
 *   its offer says that it won't (section 7.1.1.2).
 * @returns the agreement and the header of the answer, or `undefined` if there is none
 * @throws {OfferError} if the offer does not allow takeover
 * @throws {Error} if the header is invalid, or no offer can be accepted
 */
export function agreeOnDeflate(header: string | undefined, mode?: 'off' | 'takeover') {
  const offers = header === undefined ? undefined : extension.parse(header)[NAME]
  if (mode === 'takeover') return agreeOnTakeover(offers, header)
  if (!offers || mode === 'off') return undefined
  const { windowBits, answer } = accept(offers, { serverNoContextTakeover: true, clientNoContextTakeover: true })
  return { deflate: { windowBits }, header: answer }
}

/** The offer of permessage-deflate to a server, without context takeover on either side. */
export const OFFER = `${NAME}; client_no_context_takeover; server_no_context_takeover`

/**
 * Reads a server's answer to our offer (RFC 7692, section 7.1).
 * @param header the value of `Sec-WebSocket-Extensions`, if there is one
 * @throws {Error} if the answer is invalid
 */
export function readAgreement(header: string | undefined): Deflate {
  if (header === undefined) return undefined
  const { [NAME]: answers = [], ...others } = extension.parse(header)
  if (answers.length !== 1 || Object.keys(others).length > 0) throw new Error(`it accepts more than ${NAME}`)
  const accepted = new PerMessageDeflate({ clientMaxWindowBits: false }).accept(answers)
  if (!accepted.server_no_context_takeover) throw new Error('it declines server_no_context_takeover')
  return { windowBits: constants.Z_DEFAULT_WINDOWBITS }
}

function agreeOnTakeover(offers: Offer[] | undefined, header = '') {
  if (!offers) throw new OfferError('compress=takeover: the client does not offer permessage-deflate')
  if (offers.every(offer => 'server_no_context_takeover' in offer)) {
    throw new OfferError(`compress=takeover: the client's offer does not allow it: ${printable(header)}`)
  }
  const { windowBits, answer, parameters } = accept(offers, { serverNoContextTakeover: false })
  const takeover: Takeover = { isMutual: !parameters.client_no_context_takeover }
  return { deflate: { windowBits, takeover }, header: answer }
}

function accept(offers: Offer[], options: object) {
  const parameters = new PerMessageDeflate({ isServer: true, ...options }).accept(offers)
  const { server_max_window_bits: windowBits = constants.Z_DEFAULT_WINDOWBITS } = parameters
  return { parameters, windowBits, answer: extension.format({ [NAME]: [parameters] }) }
}

let jobs = 0
/** Jobs that wait for zlib's threads, oldest first, at most one per owner. */
const waiting = new Map<object, () => void>()

/** Runs a job when one of zlib's threads is free. The job must call `endJob`. */
function startJob(owner: object, start: () => void): void {
  if (jobs >= MAX_JOBS) return void waiting.set(owner, start)
  jobs++
  start()
}

function endJob(): void {
  jobs--
  const [next] = waiting
  if (!next) return
  waiting.delete(next[0])
  startJob(...next)
}

/**
 * Cancels the waiting job of an owner and frees its memory.
 * @returns whether there was one
 */
export const cancelJob = (owner: object): boolean => waiting.delete(owner)

/** Compresses a message (section 7.2.1). Calls back with its payload as it is sent, unless this side has ended. */
export function compress(
  owner: object,
  payload: Buffer,
  { windowBits, takeover }: NonNullable<Deflate>,
  flow: Flow,
  done: (compressed: Buffer) => void,
): void {
  startJob(owner, () => {
    const finish = (error: Error | null, compressed: Buffer) => {
      endJob()
      // zlib accepts all input, but it may fail to get memory. Then the connection cannot go on.
      if (error) flow.fail(error)
      else if (flow.isWritable) done(compressed.subarray(0, -TAIL.length))
    }
    if (!takeover) {
      const chunkSize = Math.min(CHUNK, payload.length + 64)
      deflateRaw(payload, { ...FLUSH, windowBits, chunkSize }, finish)
    } else if (payload.length === 0) {
      finish(null, EMPTY)
    } else {
      takeover.deflater ??= createDeflater(flow, windowBits)
      takeover.deflater.transform(payload, Number.POSITIVE_INFINITY, finish)
    }
  })
}

/**
 * Inflates the messages of one connection (section 7.2.2). Starts when the last frame of a message is there, so an
 * unfinished message takes no more memory than its compressed bytes.
 */
export class Inflater {
  private frames: Buffer[] = []
  private readonly flow: Flow
  private readonly maxPayload: number
  /** What the client's messages share. `undefined` if each starts anew. */
  private readonly context: Context | undefined

  constructor(flow: Flow, maxPayload: number, { takeover }: NonNullable<Deflate>) {
    this.flow = flow
    this.maxPayload = maxPayload
    this.context = takeover?.isMutual ? createInflater(flow) : undefined
  }

  /** Called by the receiver for each compressed frame, one at a time. */
  decompress(data: Buffer, isFinal: boolean, done: Transformed): void {
    this.frames.push(data)
    // The receiver does not expect an answer before this returns.
    if (!isFinal) return void queueMicrotask(() => done(null, NOTHING))
    const input = Buffer.concat([...this.frames, TAIL])
    this.frames = []
    const short = input.length <= SHORT && !this.context ? inflateShort(input) : undefined
    if (short) return void queueMicrotask(() => done(null, short))

    const { flow } = this
    startJob(this, () => {
      const most = Math.min(this.maxPayload, input.length * MAX_EXPANSION)
      flow.countKept(most)
      this.inflate(input, [], (error, data) => {
        endJob()
        flow.countKept(-most)
        if (!flow.hasEnded) done(error, data)
      })
    })
  }

  /** Drops the unfinished message. */
  stop(): void {
    this.frames = []
    cancelJob(this)
    this.context?.end()
  }

  private inflate(input: Buffer, inflated: Buffer[], done: Transformed): void {
    const most = this.maxPayload - sizeOf(inflated)
    this.inflateStream(input, most, (error, buffer, used) => {
      if (error) return done(isTooLarge(error) ? tooLarge() : error, NOTHING)
      inflated.push(buffer)
      const rest = input.subarray(used)
      if (rest.length <= TAIL.length) return done(null, inflated.length > 1 ? Buffer.concat(inflated) : buffer)
      if (inflated.length === MAX_STREAMS) return done(new Error('Too many DEFLATE streams in a message'), NOTHING)
      if (sizeOf(inflated) > this.maxPayload) return done(tooLarge(), NOTHING)
      return this.inflate(rest, inflated, done)
    })
  }

  /** Inflates at most this many bytes, up to the end of a DEFLATE stream. */
  private inflateStream(input: Buffer, most: number, done: Done): void {
    if (this.context) return void this.context.transform(input, most, done)
    // The option must not be 0.
    const options = { ...FLUSH, chunkSize: CHUNK, maxOutputLength: Math.max(1, most), info: true }
    inflateRaw(input, options, (error, result) => {
      if (error) return done(error, NOTHING, 0)
      const { buffer, engine } = result as unknown as Inflated
      done(null, buffer, engine.bytesWritten)
    })
  }
}

/** The result of zlib's functions with `info`. `bytesWritten` is the number of input bytes used. */
type Inflated = { buffer: Buffer; engine: { bytesWritten: number } }

/** Inflates a message if it is short, valid, and a single stream. */
function inflateShort(input: Buffer): Buffer | undefined {
  try {
    const options = { ...FLUSH, chunkSize: SHORT_INFLATED, maxOutputLength: SHORT_INFLATED, info: true }
    const { buffer, engine } = inflateRawSync(input, options) as unknown as Inflated
    return input.length - engine.bytesWritten > TAIL.length ? undefined : buffer
  } catch {
    return undefined
  }
}

const sizeOf = (buffers: Buffer[]) => buffers.reduce((sum, { length }) => sum + length, 0)

const isTooLarge = (error: NodeJS.ErrnoException) => error.code === 'ERR_BUFFER_TOO_LARGE'

/** The error of `ws` for a message above the limit. */
const tooLarge = () =>
  Object.assign(new RangeError('Max payload size exceeded'), { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' })
