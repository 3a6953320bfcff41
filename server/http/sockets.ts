import type { Duplex } from 'node:stream'

/** Milliseconds without traffic until the operating system checks whether a peer still exists. */
export const KEEP_ALIVE = 30_000

/** Listens for errors of any socket. A closure for each of them would keep its request in memory. */
export function destroy(this: Duplex): void {
  this.destroy()
}
