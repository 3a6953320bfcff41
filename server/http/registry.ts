import type { Connection } from '../connection/connection.ts'
import type { Written } from '../faults/parameters.ts'

/** The connections that a server has, oldest first, and what holds for those to come. */
export class Registry extends Set<Connection> {
  /** The bytes that wait for all peers together, at what they cost. */
  readonly load = { bytes: 0 }
  lastId = 0
  /** Whether the server has begun to close. */
  isClosing = false
  /** What new connections ask for where their query doesn't, as it would be written there. */
  defaultFaults: Written = {}
}
