/**
 * Answers a message with the bytes to send back, as a message of the same type: a text after the prefix, which is empty
 * where everything is answered verbatim; binary as it came.
 */
export function echo(prefix: Buffer, payload: Buffer, isBinary: boolean): Buffer {
  return isBinary || prefix.length === 0 ? payload : Buffer.concat([prefix, payload])
}
