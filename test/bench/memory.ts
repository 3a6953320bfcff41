import { setTimeout } from 'node:timers/promises'
import type { PeerSpec } from './peer.ts'
import type { Measured } from './statistics.ts'
import { residentMemory } from './usage.ts'
import type { Visit } from './visit.ts'

/** Connections opened at once: few, since what a burst of handshakes makes the heap grow by isn't theirs to keep. */
const WAVE = 50
/** Connections that come first, and with them what isn't theirs alone, such as compiled code. */
const WARM_UP = 100
/** Milliseconds until memory is read. */
const SETTLE = 500

/** Resident bytes that a fresh server keeps for each of `count` connections that have been answered once. */
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
