import { setTimeout } from 'node:timers/promises'
import type { PeerSpec } from './peer.ts'
import type { Measured } from './statistics.ts'
import { residentMemory } from './usage.ts'
import type { Visit } from './visit.ts'

/** Connections opened at once: few, because many simultaneous handshakes enlarge the heap. */
const WAVE = 50
/** Connections before the first measurement, which make the server compile its code. */
const WARM_UP = 100
/** Milliseconds to wait before memory is read. */
const SETTLE = 500

/** Returns the resident bytes per connection of a fresh server, with `count` connections that each got one reply. */
export async function memoryPerConnection(spec: PeerSpec, visit: Visit, count: number): Promise<Measured> {
  await using peer = await spec.start()
  const measureWith = async (connections: number) => {
    for (let left = connections; left > 0; left -= WAVE) {
      await Promise.all(Array.from({ length: Math.min(WAVE, left) }, () => visit(peer)))
    }
    await setTimeout(SETTLE)
    return residentMemory(peer.pids)
  }
  const before = await measureWith(WARM_UP)
  const after = await measureWith(count)
  return before === undefined || after === undefined ? undefined : (after - before) / count
}
