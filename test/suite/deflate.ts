import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])
const NOTHING = Buffer.alloc(0)

/**
 * Compresses a message's payload (RFC 7692, section 7.2.1).
 * @param dictionary the end of the earlier messages if it continues their context
 */
export function deflate(data: Uint8Array | string, windowBits = 15, dictionary: Buffer = NOTHING): Buffer {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, windowBits, dictionary }
  return deflateRawSync(data, options).subarray(0, -TAIL.length)
}

/**
 * Decompresses a message's payload (section 7.2.2).
 * @param dictionary the end of the earlier messages if it continues their context
 */
export function inflate(data: Uint8Array, windowBits = 15, dictionary: Buffer = NOTHING): Buffer {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, windowBits, dictionary }
  return inflateRawSync(Buffer.concat([data, TAIL]), options)
}
