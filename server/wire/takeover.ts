import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'
import type { Flow } from './flow.ts'

// The memory of each kind of stream with zlib's default settings, and of its output buffer. In bytes.
const DEFLATER_COST = 2 ** 18 + 2 ** 15
const INFLATER_COST = 2 ** 16

// Every write ends a message.
const FLUSH = { flush: constants.Z_SYNC_FLUSH }

const NOTHING = Buffer.alloc(0)

/** @param used the number of input bytes used. The rest is behind the end of a DEFLATE stream. */
export type Done = (error: Error | null, output: Buffer, used: number) => void

/** A compressor whose context serves all messages of a connection (RFC 7692, section 7.1.1). */
export const createDeflater = (flow: Flow, windowBits: number) =>
  new Context(flow, DEFLATER_COST, () => createDeflateRaw({ ...FLUSH, windowBits }))

/** The opposite of a deflater. */
export const createInflater = (flow: Flow) => new Context(flow, INFLATER_COST, () => createInflateRaw(FLUSH))

/** A zlib stream that keeps its context from one message to the next. Exists from the first message on. */
export class Context {
  private stream: DeflateRaw | InflateRaw | undefined
  /** Settles the current message. `undefined` while zlib does not work. */
  private settle: ((error: Error | null) => void) | undefined
  private hasEnded = false
  private readonly flow: Flow
  private readonly cost: number
  private readonly create: () => DeflateRaw | InflateRaw

  constructor(flow: Flow, cost: number, create: () => DeflateRaw | InflateRaw) {
    this.flow = flow
    this.cost = cost
    this.create = create
  }

  /**
   * Compresses or inflates a message. Call it again only when it has called back.
   * @param most bytes of output. Beyond them it calls back with the error that zlib has for that.
   */
  transform(input: Buffer, most: number, done: Done): void {
    const stream = this.stream ?? this.open()
    const begin = stream.bytesWritten
    const output: Buffer[] = []
    let size = 0
    const collect = (chunk: Buffer) => {
      output.push(chunk)
      size += chunk.length
      if (size > most) settle(Object.assign(new RangeError('Too much output'), { code: 'ERR_BUFFER_TOO_LARGE' }))
      else if (this.flow.hasEnded) settle(new Error('The connection is gone'))
    }
    const settle = (error: Error | null) => {
      if (this.settle !== settle) return
      this.settle = undefined
      stream.off('data', collect)
      const used = stream.bytesWritten - begin
      if (error || used < input.length || this.hasEnded) this.close()
      done(error, error ? NOTHING : Buffer.concat(output, size), used)
    }
    this.settle = settle
    stream.on('data', collect)
    // An error is reported by an event.
    stream.write(input, error => error || settle(null))
  }

  /** Frees the memory, but only when zlib has done its work: a closed stream might not report an error. */
  end(): void {
    this.hasEnded = true
    if (!this.settle) this.close()
  }

  private open(): DeflateRaw | InflateRaw {
    this.flow.countKept(this.cost)
    this.stream = this.create().on('error', error => this.settle?.(error))
    return this.stream
  }

  private close(): void {
    if (!this.stream) return
    this.stream.destroy()
    this.stream = undefined
    this.flow.countKept(-this.cost)
  }
}
