/** Messages and their payload bytes in one direction. */
export type Tally = { texts: number; textBytes: number; binaries: number; binaryBytes: number }

/** Both directions, as seen from the server. */
export type Traffic = { received: Tally; sent: Tally }

export const createTally = (): Tally => ({ texts: 0, textBytes: 0, binaries: 0, binaryBytes: 0 })

export const createTraffic = (): Traffic => ({ received: createTally(), sent: createTally() })

/** Counts a message. */
export function count(tally: Tally, isBinary: boolean, bytes: number): void {
  if (isBinary) {
    tally.binaries++
    tally.binaryBytes += bytes
  } else {
    tally.texts++
    tally.textBytes += bytes
  }
}

/** Adds a tally to another. */
export function add(to: Tally, { texts, textBytes, binaries, binaryBytes }: Tally): void {
  to.texts += texts
  to.textBytes += textBytes
  to.binaries += binaries
  to.binaryBytes += binaryBytes
}
