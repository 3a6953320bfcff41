import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])

/** Compresses a message's payload (RFC 7692, section 7.2.1). */
export function deflate(data: Uint8Array | string, windowBits = 15): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH, windowBits }).subarray(0, -TAIL.length)
}

/** Decompresses a message's payload (section 7.2.2). */
export function inflate(data: Uint8Array, windowBits = 15): Buffer {
  return inflateRawSync(Buffer.concat([data, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH, windowBits })
}
