import type { Connection } from '../connection/connection.ts'
import type { Written } from '../faults/parameters.ts'

/** The connections that a server has, and what holds for those to come. */
export class Registry implements Iterable<Connection> {
  /** The bytes that wait for all peers together, at what they cost. */
  readonly load = { bytes: 0 }
  /** Whether the server has begun to close. */
  isClosing = false
  /** What new connections ask for where their query doesn't, as it would be written there. */
  defaultFaults: Written = {}
  private readonly connections = new Map<number, Connection>()
  private readonly waiting: (() => void)[] = []
  private lastId = 0

  get size(): number {
    return this.connections.size
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.connections.values()
  }

  find(id: number): Connection | undefined {
    return this.connections.get(id)
  }

  nextId(): number {
    return ++this.lastId
  }

  add(connection: Connection): void {
    this.connections.set(connection.id, connection)
  }

  delete({ id }: Connection): void {
    this.connections.delete(id)
    if (this.size === 0) for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Resolves when no connection is left. */
  async emptied(): Promise<void> {
    if (this.size > 0) await new Promise<void>(resolve => this.waiting.push(resolve))
  }
}
