import { extension, PerMessageDeflate, type Transformed } from './internals.ts'

/** Bytes from which on a message is worth compressing. */
export const COMPRESSION_THRESHOLD = 1024

const NAME = 'permessage-deflate'

/**
 * Answers a peer's offer of permessage-deflate (RFC 7692, section 7.1), without context takeover on either side.
 * @param header of `Sec-WebSocket-Extensions`
 * @param maxPayload bytes that an inflated message may have
 * @returns the extension, and its line in the answer; `undefined` where the peer doesn't offer it
 * @throws {Error} when the header can't be parsed, or no offer can be accepted
 */
export function agreeOnDeflate(header: string, maxPayload: number) {
  const offers = extension.parse(header)[NAME]
  if (!offers) return undefined
  const noTakeover = { serverNoContextTakeover: true, clientNoContextTakeover: true }
  const agreed = new PerMessageDeflate({ isServer: true, maxPayload, ...noTakeover })
  const parameters = agreed.accept(offers)
  return { deflate: new Deflate(agreed), header: extension.format({ [NAME]: [parameters] }) }
}

/**
 * Inflates and deflates for one connection, and gives the zlib streams back, some 230 KB, whenever no message is being
 * inflated or deflated. Without context takeover a stream knows nothing that the next one needs.
 */
export class Deflate {
  private active = 0
  private isFragmented = false
  private readonly inner: PerMessageDeflate

  constructor(inner: PerMessageDeflate) {
    this.inner = inner
  }

  compress(data: Buffer, done: Transformed): void {
    this.inner.compress(data, true, this.counting(done))
  }

  /** Is called by the receiver for each compressed frame, one at a time. */
  decompress(data: Buffer, isFinal: boolean, done: Transformed): void {
    this.isFragmented = !isFinal
    this.inner.decompress(data, isFinal, this.counting(done))
  }

  /** Gives everything back, when what is under way is done: the socket is gone. */
  end(): void {
    this.isFragmented = false
    if (this.active === 0) this.inner.cleanup()
  }

  private counting(done: Transformed): Transformed {
    this.active++
    return (error, data) => {
      done(error, data)
      this.active--
      if (this.active === 0 && !this.isFragmented) this.inner.cleanup()
    }
  }
}
