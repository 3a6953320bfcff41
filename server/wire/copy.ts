/**
 * Returns a copy outside Node.js's buffer pool. A part of a chunk would keep all of the chunk in memory, and a copy in the
 * pool would keep a slab of it.
 */
export function copyOf(part: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(part.length)
  part.copy(copy)
  return copy
}
