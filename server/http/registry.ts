import type { Connection } from '../connection/connection.ts'
import type { Written } from '../faults/parameters.ts'
import { Budget, type Holder } from '../wire/budget.ts'

/** The open connections of a server, oldest first, and the state that they share. */
export class Registry extends Set<Connection> {
  /** Handshakes that wait for their `handshake-delay`. */
  readonly delayed = new Set<Holder>()
  /** The memory budget of all peers. */
  readonly budget: Budget
  lastId = 0
  /** Whether the server is shutting down. */
  isClosing = false
  /** The faults of new connections whose query does not set them, written as in a query. */
  defaultFaults: Written = {}

  /** @param memoryBudget bytes that the server may keep in memory for all peers together */
  constructor(memoryBudget: number) {
    super()
    this.budget = new Budget(memoryBudget, () => [...this, ...this.delayed])
  }
}
