import { connectRaw, type RawClient } from '../suite/raw-client.ts'

// Milliseconds for which a client may be refused. NGINX refuses clients while no replica answers its probe in time, which
// happens when hostile clients keep the machine busy.
const PATIENCE = 10_000

const REFUSED = "can't connect"

/** Opens a raw connection. @throws an error that `createPatience` recognizes if the handshake is refused */
export async function openRaw(url: string): Promise<RawClient> {
  const client = await connectRaw(url)
  const [status] = client.head.split('\r\n', 1)
  if (status !== 'HTTP/1.1 101 Switching Protocols') throw new Error(`${REFUSED}: ${status}`)
  return client
}

/** Decides whether a client's refused handshakes are still acceptable. */
export function createPatience() {
  let refusedSince: number | undefined
  return {
    accepted: () => {
      refusedSince = undefined
    },
    /** Returns whether the problem is a refusal and the client has not been refused for too long. */
    tolerates: (problem: string): boolean => {
      if (!problem.startsWith(REFUSED)) return false
      refusedSince ??= performance.now()
      return performance.now() - refusedSince < PATIENCE
    },
  }
}
