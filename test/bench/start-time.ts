import type { PeerSpec } from './peer.ts'
import { visit } from './visit.ts'

/** Measures the milliseconds from the start of a server's process to its first reply. */
export async function startTime(spec: PeerSpec): Promise<number> {
  const start = performance.now()
  await using peer = await spec.start()
  await visit(peer)
  return performance.now() - start
}
